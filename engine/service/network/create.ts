import { readFile } from 'node:fs/promises'
import os from 'node:os'
import { EngineError } from '../../contract/errors.ts'
import { type CreateNetwork, NetworkDriverName } from '../../contract/network.ts'
import { newId, validateName } from '../../lib/names.ts'
import { readBridgeOptions } from '../../network/bridge-options.ts'
import {
  choosePool,
  choosePool6,
  contains,
  isOverlapping,
  parseSubnet,
  routesOf,
  toAddress,
  toNumber,
} from '../../network/ipam.ts'
import type { NetworkRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { assertChangeable } from './find.ts'

type Pool = NonNullable<NetworkRecord['ipv4']>
type PoolRequest = CreateNetwork['pools'][number]

/** Makes a network: its record and its devices. */
export async function createNetwork(
  context: ServiceContext,
  config: CreateNetwork,
): Promise<{ id: string; warnings: string[] }> {
  validateName(config.name)
  assertChangeable(config.name)
  return context.locks.withLock('networks', async () => {
    const holder = context.networks.get(config.name)
    if (holder)
      throw new EngineError('conflict', 'network.name-in-use', `network with name ${config.name} already exists`, {
        details: { name: config.name, network: holder.id },
      })
    const record = await planNetwork(context, config)
    try {
      await context.network.ensure(record)
    } catch (error) {
      await context.network.remove(record).catch(() => {})
      throw error
    }
    await context.networks.put(record)
    context.bus.publish({
      type: 'network',
      action: 'create',
      id: record.id,
      attributes: { name: record.name, type: record.driver },
    })
    return { id: record.id, warnings: [] }
  })
}

async function planNetwork(context: ServiceContext, config: CreateNetwork): Promise<NetworkRecord> {
  const driver = driverOf(config.driver)
  const id = newId()
  const { v4, v6 } = splitPools(config.pools)
  const all = await takenSubnets(context)
  const subnet = v4?.subnet || choosePool(all)
  // Containers beside a card are on the card's own network, where this machine has an address too.
  const taken = driver !== 'bridge' && config.options['parent'] ? subnetsOfNetworks(context) : all
  const draft: NetworkRecord = {
    version: 1,
    id,
    name: config.name,
    driver,
    createdAt: context.now().toISOString(),
    interface: '',
    ipv4: planPool({ ...(v4 ?? NO_POOL), subnet }, taken),
    ipv6:
      config.enableIPv6 || v6 ? planPool({ ...(v6 ?? NO_POOL), subnet: v6?.subnet || choosePool6(id) }, taken) : null,
    isInternal: config.isInternal || (driver !== 'bridge' && !config.options['parent']),
    options: config.options,
    labels: config.labels,
  }
  const device = context.network.interfaceOf(draft)
  assertReachable(context, draft)
  const holder = context.networks.list().find((other) => other.interface === device)
  if (holder && driver === 'bridge')
    throw new EngineError('conflict', 'network.bridge-in-use', `bridge ${device} is in use by network ${holder.name}`)
  return { ...draft, interface: device }
}

/** Rootless, bridges lie in a namespace of the engine's own, to which nobody has a route. */
function assertReachable({ config }: ServiceContext, network: NetworkRecord): void {
  if (config.mode === 'rootful' || network.driver !== 'bridge') return
  const { ip, ip6 } = readBridgeOptions(network).gatewayModes
  if (ip !== 'routed' && ip6 !== 'routed') return
  throw new EngineError(
    'forbidden',
    'network.no-routes',
    'an ordinary user’s engine has its bridges in a network namespace of its own, to which no route leads: use gateway mode nat, or run the engine as root',
  )
}

const NO_POOL: PoolRequest = { subnet: '', gateway: '', ipRange: '', auxiliary: {} }

function driverOf(name: string): NetworkRecord['driver'] {
  const parsed = NetworkDriverName.safeParse(name || 'bridge')
  if (!parsed.success)
    throw new EngineError('notFound', 'network.no-such-driver', `plugin "${name}" not found: no such network driver`)
  if (parsed.data === 'host' || parsed.data === 'none')
    throw new EngineError('forbidden', 'network.predefined', `only one instance of "${name}" network is allowed`)
  return parsed.data
}

function splitPools(pools: readonly PoolRequest[]): { v4?: PoolRequest; v6?: PoolRequest } {
  const isSix = ({ subnet, gateway }: PoolRequest) => `${subnet}${gateway}`.includes(':')
  const [v4, second4] = pools.filter((pool) => !isSix(pool))
  const [v6, second6] = pools.filter(isSix)
  if (second4 || second6)
    throw new EngineError(
      'invalidArgument',
      'network.invalid-subnet',
      'a network has at most one subnet of each address version',
    )
  return { ...(v4 ? { v4 } : {}), ...(v6 ? { v6 } : {}) }
}

/** Checks one pool's parts against each other and against what is in use. */
function planPool(request: PoolRequest, taken: readonly string[]): Pool {
  const range = parseSubnet(request.subnet)
  const subnet = `${toAddress(range.first, range.version)}/${range.prefix}`
  const limit = range.version === 4 ? 30 : 126
  const refuse = (reason: string, text: string) => new EngineError('invalidArgument', reason, text)
  if (range.prefix > limit) throw refuse('network.invalid-subnet', `subnet ${subnet} is too small: at most /${limit}`)
  const other = taken.find((one) => isOverlapping(one, subnet))
  if (other)
    throw new EngineError(
      'forbidden',
      'network.overlaps',
      `invalid pool request: Pool overlaps with other one on this address space: ${subnet} meets ${other}`,
      { details: { subnet, other } },
    )
  const gateway = toAddress(request.gateway ? toNumber(request.gateway) : range.first + 1n, range.version)
  for (const address of [gateway, ...Object.values(request.auxiliary)])
    if (!contains(subnet, address))
      throw refuse('network.address-outside', `no matching subnet for ${address}: it is outside ${subnet}`)
  if (request.ipRange && !contains(subnet, request.ipRange))
    throw refuse('network.invalid-range', `the range ${request.ipRange} is outside the subnet ${subnet}`)
  const auxiliary = Object.values(request.auxiliary)
  return { subnet, gateway, ipRange: request.ipRange, auxiliary, auxiliaryNames: request.auxiliary, lastAddress: '' }
}

/** Subnets that a new network must keep away from: our networks', this machine's addresses, routes and resolvers. */
export async function takenSubnets(context: Pick<ServiceContext, 'networks' | 'config'>): Promise<string[]> {
  const read = (file: string) => readFile(file, 'utf8').catch(() => '')
  const addresses = Object.values(os.networkInterfaces()).flatMap((list) =>
    (list ?? []).flatMap(({ cidr }) => cidr ?? []),
  )
  const resolvers = [...(await read('/etc/resolv.conf')).matchAll(/^nameserver\s+([\d.]+)$/gm)].map(
    (match) => `${match[1]}/32`,
  )
  // The network of slirp4netns and pasta, by which rootless containers reach the outside.
  const egress = context.config.mode === 'rootless' ? ['10.0.2.0/24'] : []
  return [
    ...subnetsOfNetworks(context),
    ...addresses,
    ...routesOf(await read('/proc/net/route')),
    ...resolvers,
    ...egress,
  ]
}

function subnetsOfNetworks({ networks }: Pick<ServiceContext, 'networks'>): string[] {
  return networks.list().flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].flatMap((pool) => pool?.subnet ?? []))
}
