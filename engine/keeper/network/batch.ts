import type { BridgeNetworkParams } from '../../host/network.ts'

/**
 * `ip -batch` lines that make a bridge. Its MAC address is its own: one that the kernel chooses is that of some port and
 * changes as containers come and go, and those that stay lose their gateway until they ask for it anew.
 */
export function bridgeBatch({ bridge, addresses, mtu }: BridgeNetworkParams, mac: string): string {
  return [
    `link add name ${bridge} address ${mac} type bridge`,
    `link set ${bridge} mtu ${mtu}`,
    ...addresses.map((address) => `addr add ${address} dev ${bridge}${address.includes(':') ? ' nodad' : ''}`),
    `link set ${bridge} up`,
    '',
  ].join('\n')
}
