import { EngineError } from '../../contract/errors.ts'
import { type CreateNetwork, NetworkDriverName } from '../../contract/network.ts'
import { newId, validateName } from '../../lib/names.ts'
import { readBridgeOptions } from '../../network/bridge-options.ts'
import { choosePool, choosePool6 } from '../../network/ipam.ts'
import type { NetworkRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { addOverlay } from './create-overlay.ts'
import { assertChangeable } from './find.ts'
import { NO_POOL, planPool, splitPools, subnetsOfNetworks, takenSubnets } from './pools.ts'

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
    const isOverlay = driverOf(config.driver) === 'overlay'
    const record = await (isOverlay ? addOverlay(context, config) : planNetwork(context, config))
    try {
      await context.network.ensure(record)
    } catch (error) {
      await context.network.remove(record).catch(() => {})
      if (isOverlay) await context.cluster.removeNetwork(record.id).catch(() => {})
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
      config.enableIPv6 || v6
        ? planPool({ ...(v6 ?? NO_POOL), subnet: v6?.subnet || choosePool6(id, taken) }, taken)
        : null,
    isInternal: config.isInternal || (driver !== 'bridge' && !config.options['parent']),
    options: config.options,
    ipamOptions: config.ipamOptions,
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

function driverOf(name: string): NetworkRecord['driver'] {
  const parsed = NetworkDriverName.safeParse(name || 'bridge')
  if (!parsed.success)
    throw new EngineError('notFound', 'network.no-such-driver', `plugin "${name}" not found: no such network driver`)
  if (parsed.data === 'host' || parsed.data === 'none')
    throw new EngineError('forbidden', 'network.predefined', `only one instance of "${name}" network is allowed`)
  return parsed.data
}
