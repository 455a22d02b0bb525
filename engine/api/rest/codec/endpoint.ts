import { createHash } from 'node:crypto'
import type { ContainerDetail } from '../../../contract/container.ts'

/** Names of an endpoint are told apart from its aliases since this version. */
const DNS_NAMES_SINCE = 45

/** The id of a container's place on a network: the same in the container and in the network. */
export const endpointId = (containerId: string, networkId: string): string =>
  createHash('sha256').update(`${containerId} ${networkId}`).digest('hex')

/** `NetworkSettings.Networks`. A container that does not run has its places, but no addresses yet. */
export function toNetworks(
  { id, networks, hostname, status }: Pick<ContainerDetail, 'id' | 'networks' | 'hostname' | 'status'>,
  version: number,
) {
  const isAlive = status === 'running' || status === 'paused'
  return Object.fromEntries(
    networks.map((endpoint) => {
      const asked = endpoint.requested
      const own = endpoint.network === 'bridge' ? [] : [id.slice(0, 12), hostname]
      const aliases = version < DNS_NAMES_SINCE ? [...new Set([...endpoint.aliases, ...own])] : endpoint.aliases
      return [
        endpoint.network,
        {
          IPAMConfig: {
            ...(asked.ipAddress ? { IPv4Address: asked.ipAddress } : {}),
            ...(asked.ipv6Address ? { IPv6Address: asked.ipv6Address } : {}),
          },
          Links: endpoint.links,
          Aliases: aliases,
          MacAddress: isAlive ? endpoint.macAddress : '',
          DriverOpts: null,
          GwPriority: endpoint.priority,
          NetworkID: endpoint.networkId,
          EndpointID: isAlive ? endpointId(id, endpoint.networkId) : '',
          Gateway: isAlive ? endpoint.gateway : '',
          IPAddress: isAlive ? endpoint.ipAddress : '',
          IPPrefixLen: isAlive ? endpoint.prefix : 0,
          IPv6Gateway: isAlive ? endpoint.ipv6Gateway : '',
          GlobalIPv6Address: isAlive ? endpoint.ipv6Address : '',
          GlobalIPv6PrefixLen: isAlive ? endpoint.ipv6Prefix : 0,
          DNSNames: endpoint.dnsNames,
        },
      ]
    }),
  )
}
