import type { Call } from './host.ts'
import type { NetworkInspection } from './inspection.ts'

/*
 * The part of the Host interface that is about networks.
 */

/** Published port. The keeper listens on the host's side and relays to the container's address. */
export interface PortForward {
  /** `sctp` goes by rules alone: the proxy does not carry it. */
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly hostIp: string
  /** 0: the keeper chooses. */
  readonly hostPort: number
  /** Above `hostPort`: the first free one from there to here is taken. */
  readonly hostPortEnd?: number | undefined
  /** Takes the host port that an earlier one of the same list gets, by its place there. */
  readonly samePortAs?: number | undefined
  readonly containerIp: string
  readonly containerPort: number
  /** On a network without address translation: the container's own address takes it, and no port of the host. */
  readonly isRouted?: boolean | undefined
}

/** A container's end of a network. */
export interface SandboxEndpoint {
  readonly kind: 'bridge' | 'macvlan' | 'ipvlan'
  /** The bridge, or the parent interface. */
  readonly link: string
  /** Mode of macvlan or ipvlan (`bridge`, `l2`, …). */
  readonly mode: string
  /** The bridge's end of the veth pair. */
  readonly hostInterface: string
  readonly containerInterface: string
  readonly macAddress: string
  /** With prefix: `172.17.0.2/24`. */
  readonly addresses: readonly string[]
  /** Default routes: `default via 172.17.0.1`, `default dev eth0`; none when another endpoint has them. */
  readonly routes: readonly string[]
  /** 0: the parent's. */
  readonly mtu: number
  /** Cannot reach others on its bridge. */
  readonly isIsolated: boolean
}

export interface CreateSandboxParams {
  readonly containerId: string
  /** None: a new network namespace with loopback alone. */
  readonly endpoints: readonly SandboxEndpoint[]
}
export interface CreateSandboxResult {
  /** Path of the bound network namespace, for the OCI spec. */
  readonly netnsPath: string
}

/**
 * How a bridge network meets the outside in one address version: by address translation, the same with every port of a
 * container open to whoever has a route, by routes alone, or not even this machine.
 */
export type GatewayMode = 'nat' | 'nat-unprotected' | 'routed' | 'isolated'

export interface BridgeNetworkParams {
  readonly bridge: string
  /** Gateways with prefix. */
  readonly addresses: readonly string[]
  readonly subnets: readonly string[]
  readonly mtu: number
  readonly masquerade: boolean
  readonly isInternal: boolean
  readonly isOpenWithin: boolean
  readonly gatewayModes: { readonly ip: GatewayMode; readonly ip6: GatewayMode }
}

/** What macvlan and ipvlan networks stand on. */
export interface ParentParams {
  readonly kind: 'macvlan' | 'ipvlan'
  readonly parent: string
  /** Made by us and for us: a closed bridge, when no parent was named. */
  readonly isOwn: boolean
}

/** The tunnel of an overlay network on this host: a port of the network's bridge. */
export interface VxlanParams {
  readonly bridge: string
  readonly vxlan: string
  readonly vni: number
  /** This machine's address that packets leave with; `network.underlay-missing` when it has none such. */
  readonly local: string
  readonly mtu: number
}

/** A container on another host, as the tunnel knows it. */
export interface VxlanPeer {
  readonly mac: string
  readonly addresses: readonly string[]
  /** The host's address. */
  readonly host: string
}

/** One end of an encrypted path. Both hosts derive the same from what they know of each other. */
export interface EncryptedPeer {
  readonly host: string
  /** 36 bytes as hexadecimal digits each way: an AES-256 key and its salt. */
  readonly keyOut: string
  readonly keyIn: string
  /** Security parameter indexes, 256 or more. */
  readonly spiOut: number
  readonly spiIn: number
}

/** All that is encrypted on this host. VXLAN of these networks that comes plain is dropped. */
export interface EncryptionParams {
  readonly local: string
  readonly peers: readonly EncryptedPeer[]
  readonly vnis: readonly number[]
}

/** An etcd lease to keep alive; none when the id is empty. */
export interface LeaseParams {
  readonly endpoints: readonly string[]
  readonly leaseId: string
  readonly seconds: number
}

/** A container as the embedded DNS knows it on one network. */
export interface DnsHost {
  /** Lower case; the first is the one that its address is called by. */
  readonly names: readonly string[]
  readonly ipv4: string
  readonly ipv6: string
  /** What it says it listens on: `80/tcp` … */
  readonly ports: readonly string[]
}

/** A container's view of names: its networks in order, and names that it alone has for others. */
export interface ResolverParams {
  readonly containerId: string
  readonly networks: readonly string[]
  readonly own: readonly DnsHost[]
  /** Whether it may ask the outside; a container on internal networks alone may not. */
  readonly isForwarding: boolean
  /** `ADDRESS` or `ADDRESS#PORT`; none: the machine's own resolvers of the moment. */
  readonly upstreams: readonly string[]
  /** Whether to open it where it is not; otherwise a container whose sandbox goes meanwhile is left alone. */
  readonly mayOpen: boolean
}

export interface NetworkHost extends NetworkInspection {
  readonly ensureBridge: Call<BridgeNetworkParams>
  /** Removes a bridge and its rules; missing is fine. */
  readonly removeBridge: Call<{ readonly bridge: string }>
  /** Checks that the kernel can do it, and makes the parent where it is ours or a VLAN of another (`eth0.10`). */
  readonly ensureParent: Call<ParentParams>
  /** Makes the tunnel and puts it on the bridge; harmless when it is there. */
  readonly ensureVxlan: Call<VxlanParams>
  readonly removeVxlan: Call<{ readonly vxlan: string }>
  /** Sets which containers a tunnel leads to; only what differs from before is changed. */
  readonly setVxlanPeers: Call<{ readonly vxlan: string; readonly peers: readonly VxlanPeer[] }>
  /** Name and MTU of the interface that has an address; `network.underlay-missing` when none has. */
  readonly describeUnderlay: Call<{ readonly address: string }, { readonly interface: string; readonly mtu: number }>
  /** Whether the kernel can encrypt; `network.encryption-missing` says why not. */
  readonly probeEncryption: Call<Record<string, never>>
  /** Sets what is encrypted; nothing: takes it all away. */
  readonly setEncryption: Call<EncryptionParams>
  /** Keeps a lease alive in place of the one before, also while no engine is there. */
  readonly keepLease: Call<LeaseParams>
  /** Removes a parent that is ours, or a VLAN that was made for it; others stay. */
  readonly removeParent: Call<{ readonly parent: string; readonly isOwn: boolean }>
  readonly createSandbox: Call<CreateSandboxParams, CreateSandboxResult>
  readonly removeSandbox: Call<{ readonly containerId: string }>
  readonly attachEndpoint: Call<{ readonly containerId: string; readonly endpoint: SandboxEndpoint }>
  /** Takes an interface away and sets the default routes that remain; a missing one is fine. */
  readonly detachEndpoint: Call<{
    readonly containerId: string
    readonly containerInterface: string
    readonly routes: readonly string[]
  }>
  /**
   * Makes these a container's ports, all or none: those that it has stay as they are with their connections, new ones
   * are opened before old ones close. Answers with the ports chosen. `port.in-use` names port and holder.
   */
  readonly openPorts: Call<
    { readonly containerId: string; readonly ports: readonly PortForward[] },
    readonly PortForward[]
  >
  readonly closePorts: Call<{ readonly containerId: string }>
  /** Serves names at 127.0.0.11 in a container's namespace; again with other params changes its view. Ends with the sandbox. */
  readonly openResolver: Call<ResolverParams>
  /** Sets who is on a network; none: forgets it. */
  readonly setZone: Call<{ readonly network: string; readonly hosts: readonly DnsHost[] }>
}
