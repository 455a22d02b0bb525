import type { BridgeNetworkParams } from '../../host/network.ts'

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
