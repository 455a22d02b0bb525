import type { BridgeNetworkParams, SandboxEndpoint } from '../../host/network.ts'

/** `ip -batch` lines that make a bridge. */
export function bridgeBatch({ bridge, addresses, mtu }: BridgeNetworkParams): string {
  return [
    `link add name ${bridge} type bridge`,
    `link set ${bridge} mtu ${mtu}`,
    ...addresses.map((address) => `addr add ${address} dev ${bridge}${address.includes(':') ? ' nodad' : ''}`),
    `link set ${bridge} up`,
    '',
  ].join('\n')
}

/** Lines for the namespace of the bridge or parent: the link whose end lies straight in the container's namespace. */
export function linkBatch(endpoint: SandboxEndpoint, netnsPath: string): string {
  const { kind, link, hostInterface, containerInterface, mtu, macAddress, mode, isIsolated } = endpoint
  const size = mtu > 0 ? ` mtu ${mtu}` : ''
  if (kind !== 'bridge') {
    // An ipvlan has its parent's address and cannot have another.
    const address = kind === 'macvlan' ? ` address ${macAddress}` : ''
    return `link add link ${link} name ${containerInterface}${address}${size} netns ${netnsPath} type ${kind} mode ${mode}\n`
  }
  return [
    `link add ${hostInterface}${size} type veth peer name ${containerInterface} address ${macAddress}${size} netns ${netnsPath}`,
    `link set ${hostInterface} master ${link}`,
    // A container may reach itself through the address of its host, which sends frames back where they came from.
    `link set ${hostInterface} type bridge_slave hairpin on${isIsolated ? ' isolated on' : ''}`,
    `link set ${hostInterface} up`,
    '',
  ].join('\n')
}

/** Lines for the container's namespace: an interface's addresses, then the default routes. */
export function endpointBatch({ containerInterface, addresses, routes }: SandboxEndpoint): string {
  return [
    `link set ${containerInterface} up`,
    ...addresses.map(
      (address) => `addr add ${address} dev ${containerInterface}${address.includes(':') ? ' nodad' : ''}`,
    ),
    ...routes.map((route) => `route replace ${route}`),
    '',
  ].join('\n')
}

/** Lines for a new namespace. */
export const loopbackBatch = 'link set lo up\n'
