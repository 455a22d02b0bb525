import type { BridgeEndpoint, BridgeNetworkParams } from '../../host/host.ts'

/** `ip -batch` lines that make the bridge. */
export function bridgeBatch({ bridge, address, mtu }: BridgeNetworkParams): string {
  return [
    `link add name ${bridge} type bridge`,
    `link set ${bridge} mtu ${mtu}`,
    `addr add ${address} dev ${bridge}`,
    `link set ${bridge} up`,
    '',
  ].join('\n')
}

/** Lines for the bridge's namespace: the veth pair, its far end straight into the container's namespace. */
export function vethBatch(endpoint: BridgeEndpoint, netnsPath: string): string {
  const { hostInterface, containerInterface, mtu, bridge, macAddress } = endpoint
  return [
    `link add ${hostInterface} mtu ${mtu} type veth peer name ${containerInterface} address ${macAddress} mtu ${mtu} netns ${netnsPath}`,
    `link set ${hostInterface} master ${bridge}`,
    // A container may reach itself through the address of its host, which sends frames back where they came from.
    `link set ${hostInterface} type bridge_slave hairpin on`,
    `link set ${hostInterface} up`,
    '',
  ].join('\n')
}

/** Lines for the container's namespace: loopback, address, default route. */
export function containerBatch(endpoint: BridgeEndpoint | undefined): string {
  const loopback = 'link set lo up'
  if (!endpoint) return `${loopback}\n`
  const { containerInterface, address, gateway } = endpoint
  return [
    loopback,
    `link set ${containerInterface} up`,
    `addr add ${address} dev ${containerInterface}`,
    `route add default via ${gateway}`,
    '',
  ].join('\n')
}
