import { EngineError } from '../contract/errors.ts'
import type { Host } from '../host/host.ts'
import type { NetworkInspection, RouteTo } from '../host/inspection.ts'
import type {
  DnsHost,
  EncryptionParams,
  PortForward,
  ResolverParams,
  SandboxEndpoint,
  VxlanPeer,
} from '../host/network.ts'
import type { NetworkRecord } from '../store/schema.ts'
import { createBridgeDriver } from './bridge.ts'
import { createChildLinkDriver } from './child-link.ts'
import { type Member, type NetworkDriver, pickDefault } from './driver.ts'
import { createOverlayDriver, vxlanName } from './overlay.ts'

export type { BridgeFacts, Listener, NamespaceFacts, TrafficCounters } from '../host/inspection.ts'
export type { DnsHost, PortForward, ResolverParams }

/** Networks as services see them: records in, devices out. */
export interface Networks {
  /** The interface that a new network will stand on; refuses options that its driver cannot keep to. */
  interfaceOf(network: NetworkRecord): string
  ensure(network: NetworkRecord): Promise<void>
  remove(network: NetworkRecord): Promise<void>
  /** A container's namespace with its place on every network; none: loopback alone. */
  createSandbox(containerId: string, members: readonly Member[]): Promise<{ readonly netnsPath: string }>
  leave(containerId: string): Promise<void>
  /** Adds a place to a running container. `all` are its places with the new one. */
  attach(containerId: string, member: Member, all: readonly Member[]): Promise<void>
  /** Takes a place away. `rest` are those that remain. */
  detach(containerId: string, member: Member, rest: readonly Member[]): Promise<void>
  /** Makes these the published ports, all or none; what is open already stays. Answers with the ports chosen. */
  publish(containerId: string, ports: readonly PortForward[]): Promise<readonly PortForward[]>
  unpublish(containerId: string): Promise<void>
  /** Serves names to a running container, or changes what it sees. */
  openResolver(params: ResolverParams): Promise<void>
  /** Sets who is known on a network. */
  setZone(network: string, hosts: readonly DnsHost[]): Promise<void>
  /** Subnets that this machine's routes lead to, in all tables. */
  routes(): Promise<readonly RouteTo[]>
  /** Networks as they really are. */
  readonly inspection: NetworkInspection
  /** Leads an overlay network to containers of other hosts. */
  setPeers(network: NetworkRecord, peers: readonly VxlanPeer[]): Promise<void>
  setEncryption(params: EncryptionParams): Promise<void>
  /** MTU of the interface that has an address; `network.underlay-missing` when none has. */
  underlayMtu(address: string): Promise<number>
}

/** Networks by the keeper's devices, each driver its own way. `addressOfHost` is where other hosts send packets to. */
export function createNetworks(host: Host, addressOfHost: () => string): Networks {
  const drivers: Readonly<Record<string, NetworkDriver>> = {
    bridge: createBridgeDriver(host),
    macvlan: createChildLinkDriver(host, 'macvlan'),
    ipvlan: createChildLinkDriver(host, 'ipvlan'),
    overlay: createOverlayDriver(host, addressOfHost),
  }
  const driverOf = ({ driver }: NetworkRecord) => {
    const found = drivers[driver]
    if (found) return found
    throw new EngineError('invalidArgument', 'network.no-endpoints', `the network driver ${driver} has no endpoints`)
  }
  const hasDevices = ({ driver }: NetworkRecord) => driver in drivers
  const routesOf = (member: Member, isSix: boolean) =>
    driverOf(member.network)
      .routes(member)
      .filter((route) => route.includes(':') === isSix)
  /** Each version has an owner of its own: the one that gives the IPv4 route may have no IPv6. */
  const defaultRoutes = (member: Member, all: readonly Member[]) =>
    [false, true].flatMap((isSix) => {
      const owner = pickDefault(all.filter((one) => routesOf(one, isSix).length > 0))
      return owner === member ? routesOf(member, isSix) : []
    })
  const endpointOf = (containerId: string, member: Member, all: readonly Member[]): SandboxEndpoint => ({
    ...driverOf(member.network).describe(containerId, member),
    routes: defaultRoutes(member, all),
  })
  return {
    interfaceOf: (network) => driverOf(network).interfaceOf(network),
    ensure: async (network) => (hasDevices(network) ? driverOf(network).ensure(network) : undefined),
    remove: async (network) => (hasDevices(network) ? driverOf(network).remove(network) : undefined),
    createSandbox: (containerId, members) =>
      host.createSandbox({ containerId, endpoints: members.map((member) => endpointOf(containerId, member, members)) }),
    leave: (containerId) => host.removeSandbox({ containerId }),
    attach: (containerId, member, all) =>
      host.attachEndpoint({ containerId, endpoint: endpointOf(containerId, member, all) }),
    detach: (containerId, member, rest) =>
      host.detachEndpoint({
        containerId,
        containerInterface: member.endpoint.interface,
        routes: rest.flatMap((other) => defaultRoutes(other, rest)),
      }),
    publish: (containerId, ports) => host.openPorts({ containerId, ports }),
    unpublish: (containerId) => host.closePorts({ containerId }),
    openResolver: (params) => host.openResolver(params),
    setZone: (network, hosts) => host.setZone({ network, hosts }),
    routes: () => host.listRoutes({}),
    inspection: host,
    setPeers: (network, peers) => host.setVxlanPeers({ vxlan: vxlanName(network), peers }),
    setEncryption: (params) => host.setEncryption(params),
    underlayMtu: async (address) => (await host.describeUnderlay({ address })).mtu,
  }
}
