import { EngineError } from '../../contract/errors.ts'
import type { EndpointSpec } from '../../contract/network.ts'
import { randomMac } from '../../lib/mac.ts'
import { interfaceNumber, macOf } from '../../network/bridge.ts'
import { readBridgeOptions } from '../../network/bridge-options.ts'
import type { Member } from '../../network/driver.ts'
import { type AddressPool, claimAddress, contains, nextAddress, parseSubnet } from '../../network/ipam.ts'
import type { ContainerRecord, EndpointRecord, NetworkRecord } from '../../store/schema.ts'
import { holdsAddresses } from '../container/state.ts'
import type { ServiceContext } from '../context.ts'
import { ensureOverlay, ownEndpoint, refreshEncryption } from './overlay.ts'

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i

/** A container's places with their networks. A network that is gone is `network.not-found`. */
export function membersOf(context: ServiceContext, endpoints: readonly EndpointRecord[]): Member[] {
  return endpoints.map((endpoint) => {
    const network = context.networks.get(endpoint.network)
    if (network) return { network, endpoint }
    throw noSuchNetwork(endpoint.network)
  })
}

const noSuchNetwork = (network: string) =>
  new EngineError('notFound', 'network.not-found', `network ${network} not found`, { details: { network } })

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

/** The first interface of a network's kind (`eth0`) whose number no other of the container has. */
export function freeInterface(network: NetworkRecord, endpoints: readonly EndpointRecord[]): string {
  const prefix = network.driver === 'bridge' ? readBridgeOptions(network).interfacePrefix : 'eth'
  const used = new Set(endpoints.map((endpoint) => interfaceNumber(endpoint.interface)))
  for (let index = 0; ; index += 1) if (!used.has(index)) return `${prefix}${index}`
}

/** A place on a network that has no addresses yet: those come with the container's start. What cannot be given is refused. */
export function planEndpoint(
  network: NetworkRecord,
  how: { readonly spec: Omit<EndpointSpec, 'network'>; readonly interface: string },
): EndpointRecord {
  const { spec } = how
  assertSpec(network, spec)
  const nobody = new Set<string>()
  if (spec.ipAddress) allocate(network.ipv4, spec.ipAddress, nobody)
  if (spec.ipv6Address) allocate(network.ipv6, spec.ipv6Address, nobody)
  return {
    network: network.name,
    interface: how.interface,
    ipAddress: '',
    prefix: 0,
    ipv6Address: '',
    ipv6Prefix: 0,
    ...gatewaysOf(network),
    macAddress: spec.macAddress.toLowerCase(),
    aliases: [...new Set(spec.aliases)],
    links: spec.links,
    priority: spec.priority,
    requested: { ipAddress: spec.ipAddress, ipv6Address: spec.ipv6Address },
  }
}

function gatewaysOf({ ipv4, ipv6, isInternal }: NetworkRecord): Pick<EndpointRecord, 'gateway' | 'ipv6Gateway'> {
  const gatewayOf = (pool: NetworkRecord['ipv4']) => (isInternal ? '' : (pool?.gateway ?? ''))
  return { gateway: gatewayOf(ipv4), ipv6Gateway: gatewayOf(ipv6) }
}

/**
 * Gives a container that starts, or runs, the addresses of its places, and stores them: those of its last run while
 * they are free. Containers that do not run hold none, so that a network is as large as what runs on it.
 */
export function holdAddresses(context: ServiceContext, record: ContainerRecord): Promise<ContainerRecord> {
  return context.locks.withLock('addresses', async () => {
    const endpoints: EndpointRecord[] = []
    for (const { network, endpoint } of membersOf(context, record.endpoints))
      endpoints.push(await addressPlace(context, { record, network, endpoint }))
    const next = { ...record, endpoints }
    context.starting.add(record.id)
    await context.containers.put(next)
    return next
  })
}

interface Place {
  readonly record: ContainerRecord
  readonly network: NetworkRecord
  readonly endpoint: EndpointRecord
}

/** On a network of the cluster an address is ours once the store has it as ours; one that another took is not tried again. */
async function addressPlace(context: ServiceContext, place: Place): Promise<EndpointRecord> {
  const { record, network } = place
  if (network.driver !== 'overlay') return address(context, place, [])
  await ensureOverlay(context, network)
  const refused: string[] = []
  for (;;) {
    const endpoint = await address(context, place, [...context.cluster.addresses(network.id, record.id), ...refused])
    const taken = await context.cluster.claim(ownEndpoint(record, network, endpoint))
    if (taken.length === 0) {
      await refreshEncryption(context)
      return endpoint
    }
    refused.push(...taken)
  }
}

async function address(context: ServiceContext, place: Place, elsewhere: readonly string[]): Promise<EndpointRecord> {
  const { record: own, network, endpoint } = place
  const held = containersOn(context, network.name)
    .filter(({ record }) => record.id !== own.id && holdsAddresses(record, context.starting))
    .map(({ endpoint: other }) => other)
  const ipv4 = reuseOrAllocate(network.ipv4, {
    wanted: endpoint.requested.ipAddress,
    last: endpoint.ipAddress,
    held: new Set([...held.map(({ ipAddress }) => ipAddress), ...elsewhere]),
  })
  const ipv6 = reuseOrAllocate(network.ipv6, {
    wanted: endpoint.requested.ipv6Address,
    last: endpoint.ipv6Address,
    held: new Set([...held.map(({ ipv6Address }) => ipv6Address), ...elsewhere]),
  })
  await noteLast(context, network, { ipv4: ipv4.isNew ? ipv4.address : '', ipv6: ipv6.isNew ? ipv6.address : '' })
  const isDerived =
    endpoint.macAddress === '' || (endpoint.ipAddress !== '' && endpoint.macAddress === macOf(endpoint.ipAddress))
  const derived = ipv4.address ? macOf(ipv4.address) : endpoint.macAddress || randomMac()
  return {
    ...endpoint,
    // The default network may have been given others meanwhile.
    ...gatewaysOf(network),
    ipAddress: ipv4.address,
    prefix: ipv4.prefix,
    ipv6Address: ipv6.address,
    ipv6Prefix: ipv6.prefix,
    macAddress: isDerived ? derived : endpoint.macAddress,
  }
}

/** Remembers what was handed out last, so that a freed address rests a while. */
async function noteLast(
  context: ServiceContext,
  network: NetworkRecord,
  last: { readonly ipv4: string; readonly ipv6: string },
): Promise<void> {
  if (!last.ipv4 && !last.ipv6) return
  const current = context.networks.get(network.name)
  // Removed meanwhile: a record put now would bring it back.
  if (current?.id !== network.id) throw noSuchNetwork(network.name)
  const { ipv4, ipv6 } = current
  await context.networks.put({
    ...current,
    ipv4: ipv4 && { ...ipv4, lastAddress: last.ipv4 || ipv4.lastAddress },
    ipv6: ipv6 && { ...ipv6, lastAddress: last.ipv6 || ipv6.lastAddress },
  })
}

interface Given {
  readonly address: string
  readonly prefix: number
  /** Whether it came from the pool just now. */
  readonly isNew: boolean
}

function reuseOrAllocate(
  pool: AddressPool | null,
  { wanted, last, held }: { readonly wanted: string; readonly last: string; readonly held: ReadonlySet<string> },
): Given {
  const isFree = pool && !wanted && last && !held.has(last) && contains(pool.subnet, last)
  if (isFree) return { address: last, prefix: parseSubnet(pool.subnet).prefix, isNew: false }
  return { ...allocate(pool, wanted, held), isNew: pool !== null && !wanted }
}

function allocate(
  pool: AddressPool | null,
  wanted: string,
  taken: ReadonlySet<string>,
): { address: string; prefix: number } {
  if (!pool) {
    if (wanted === '') return { address: '', prefix: 0 }
    throw new EngineError(
      'invalidArgument',
      'network.address-outside',
      `no configured subnet contains IP address ${wanted}`,
    )
  }
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
