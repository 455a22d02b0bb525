import { randomBytes } from 'node:crypto'
import { EngineError } from '../../contract/errors.ts'
import type { EndpointSpec } from '../../contract/network.ts'
import { macOf } from '../../network/bridge.ts'
import type { Member } from '../../network/driver.ts'
import { type AddressPool, claimAddress, nextAddress, parseSubnet } from '../../network/ipam.ts'
import type { ContainerRecord, EndpointRecord, NetworkRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i

/** A container's places with their networks. A network that is gone is `network.not-found`. */
export function membersOf(context: ServiceContext, endpoints: readonly EndpointRecord[]): Member[] {
  return endpoints.map((endpoint) => {
    const network = context.networks.get(endpoint.network)
    if (network) return { network, endpoint }
    throw new EngineError('notFound', 'network.not-found', `network ${endpoint.network} not found`, {
      details: { network: endpoint.network },
    })
  })
}

/** Containers that have a place on a network. */
export function containersOn(
  context: ServiceContext,
  name: string,
): { record: ContainerRecord; endpoint: EndpointRecord }[] {
  return context.containers
    .list()
    .flatMap((record) =>
      record.endpoints.filter(({ network }) => network === name).map((endpoint) => ({ record, endpoint })),
    )
}

/** The first `ethN` that is not in use. */
export function freeInterface(endpoints: readonly EndpointRecord[]): string {
  for (let index = 0; ; index += 1)
    if (!endpoints.some((endpoint) => endpoint.interface === `eth${index}`)) return `eth${index}`
}

/**
 * A place on a network, with addresses of its pools. The caller holds the lock `containers` until the record that has
 * the place is stored, so that no address is given twice.
 */
export async function allocateEndpoint(
  context: ServiceContext,
  network: NetworkRecord,
  how: { readonly spec: Omit<EndpointSpec, 'network'>; readonly interface: string },
): Promise<EndpointRecord> {
  const { spec } = how
  assertSpec(network, spec)
  const others = containersOn(context, network.name).map(({ endpoint }) => endpoint)
  const ipv4 = allocate(
    network.ipv4,
    spec.ipAddress,
    others.map(({ ipAddress }) => ipAddress),
  )
  const ipv6 = allocate(
    network.ipv6,
    spec.ipv6Address,
    others.map(({ ipv6Address }) => ipv6Address),
  )
  await context.networks.put({
    ...network,
    ipv4: network.ipv4 && { ...network.ipv4, lastAddress: spec.ipAddress ? network.ipv4.lastAddress : ipv4.address },
    ipv6: network.ipv6 && { ...network.ipv6, lastAddress: spec.ipv6Address ? network.ipv6.lastAddress : ipv6.address },
  })
  const gatewayOf = (pool: NetworkRecord['ipv4']) => (network.isInternal ? '' : (pool?.gateway ?? ''))
  return {
    network: network.name,
    interface: how.interface,
    ipAddress: ipv4.address,
    prefix: ipv4.prefix,
    gateway: gatewayOf(network.ipv4),
    ipv6Address: ipv6.address,
    ipv6Prefix: ipv6.prefix,
    ipv6Gateway: gatewayOf(network.ipv6),
    macAddress: spec.macAddress.toLowerCase() || (ipv4.address ? macOf(ipv4.address) : randomMac()),
    aliases: [...new Set(spec.aliases)],
    links: spec.links,
    priority: spec.priority,
    requested: { ipAddress: spec.ipAddress, ipv6Address: spec.ipv6Address },
  }
}

function allocate(
  pool: AddressPool | null,
  wanted: string,
  used: readonly string[],
): { address: string; prefix: number } {
  if (!pool) {
    if (wanted === '') return { address: '', prefix: 0 }
    throw new EngineError(
      'invalidArgument',
      'network.address-outside',
      `no configured subnet contains IP address ${wanted}`,
    )
  }
  const taken = new Set(used)
  const { prefix } = parseSubnet(pool.subnet)
  return { address: wanted ? claimAddress(pool, wanted, taken) : nextAddress(pool, taken), prefix }
}

function assertSpec(
  network: NetworkRecord,
  { ipAddress, ipv6Address, aliases, macAddress }: Omit<EndpointSpec, 'network'>,
) {
  const refuse = (reason: string, text: string) => new EngineError('invalidArgument', reason, text)
  if (macAddress && !MAC.test(macAddress)) throw refuse('network.invalid-mac', `invalid MAC address: ${macAddress}`)
  const odd = aliases.find((alias) => !/^[a-zA-Z0-9_.-]{1,253}$/.test(alias))
  if (odd !== undefined) throw refuse('network.invalid-alias', `invalid network alias: ${JSON.stringify(odd)}`)
  if (network.name !== 'bridge') return
  if (ipAddress || ipv6Address)
    throw refuse('network.default-address', 'user specified IP address is supported on user defined networks only')
  if (aliases.length > 0)
    throw refuse(
      'network.default-alias',
      'network-scoped alias is supported only for containers in user defined networks',
    )
}

const randomMac = () => ['02', '42', ...(randomBytes(4).toString('hex').match(/../g) ?? [])].join(':')
