import type { SandboxEndpoint } from '../host/network.ts'
import type { EndpointRecord, NetworkRecord } from '../store/schema.ts'

/** A container's place on a network, with the network. */
export interface Member {
  readonly network: NetworkRecord
  readonly endpoint: EndpointRecord
}

/** What a network driver does. Host and none need none of it. */
export interface NetworkDriver {
  /** The interface that a new network stands on; refuses options that it cannot keep to. */
  interfaceOf(network: NetworkRecord): string
  /** Makes the network's own devices and rules; harmless when they are there. */
  ensure(network: NetworkRecord): Promise<void>
  /** Takes the network's devices and rules away. */
  remove(network: NetworkRecord): Promise<void>
  /** How the keeper joins a container; without routes. */
  describe(containerId: string, member: Member): Omit<SandboxEndpoint, 'routes'>
  /** Default routes that a member of the network can give. */
  routes(member: Member): readonly string[]
}

/** Whether containers of a network are joined to a bridge of this machine, which leads them out. */
export const isBridged = ({ driver }: Pick<NetworkRecord, 'driver'>): boolean =>
  driver === 'bridge' || driver === 'overlay'

/** Docker's names of driver options. */
export const OPTION = {
  bridgeName: 'com.docker.network.bridge.name',
  icc: 'com.docker.network.bridge.enable_icc',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  hostBinding: 'com.docker.network.bridge.host_binding_ipv4',
  hostBinding6: 'com.docker.network.bridge.host_binding_ipv6',
  gatewayMode: 'com.docker.network.bridge.gateway_mode_ipv4',
  gatewayMode6: 'com.docker.network.bridge.gateway_mode_ipv6',
  inhibitIpv4: 'com.docker.network.bridge.inhibit_ipv4',
  interfacePrefix: 'com.docker.network.container_iface_prefix',
  mtu: 'com.docker.network.driver.mtu',
  parent: 'parent',
  macvlanMode: 'macvlan_mode',
  ipvlanMode: 'ipvlan_mode',
  vni: 'com.docker.network.driver.overlay.vxlanid_list',
  encrypted: 'encrypted',
} as const

/** The member whose default route a container takes: the highest priority, then the first by network name. */
export function pickDefault(members: readonly Member[]): Member | undefined {
  return members
    .filter(({ network }) => !network.isInternal)
    .sort(
      (a, b) => b.endpoint.priority - a.endpoint.priority || a.endpoint.network.localeCompare(b.endpoint.network),
    )[0]
}

/** An endpoint's addresses with their prefixes. */
export function addressesOf({ ipAddress, prefix, ipv6Address, ipv6Prefix }: EndpointRecord): string[] {
  return [...(ipAddress ? [`${ipAddress}/${prefix}`] : []), ...(ipv6Address ? [`${ipv6Address}/${ipv6Prefix}`] : [])]
}

/** Default routes through an endpoint's gateways. */
export function gatewayRoutes({ gateway, ipv6Gateway }: EndpointRecord): string[] {
  return [...(gateway ? [`default via ${gateway}`] : []), ...(ipv6Gateway ? [`default via ${ipv6Gateway}`] : [])]
}
