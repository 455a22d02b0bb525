import { networkKey } from '../../cluster/layout.ts'
import type { OwnEndpoint } from '../../cluster/place.ts'
import type { SystemInfo } from '../../contract/system.ts'
import { isOverlapping } from '../../network/ipam.ts'
import type { NetworkRecord } from '../../store/schema.ts'
import { holdsAddresses } from '../container/state.ts'
import type { ServiceContext } from '../context.ts'
import { restoreOverlay, toRecord } from './create-overlay.ts'
import { disconnectNetwork } from './disconnect.ts'
import { containersOn } from './endpoints.ts'
import { overlays, placesOf, refreshEncryption, refreshPeers } from './overlay.ts'
import { takenSubnets } from './pools.ts'
import { setZone } from './refresh.ts'

/** The cluster as `info` shows it. */
export function describeCluster({ cluster }: ServiceContext): SystemInfo['cluster'] {
  const { store, hosts, ...rest } = cluster.describe()
  return { ...rest, store: store.join(','), hosts: [...hosts] }
}

/** Takes part in the cluster with what runs here, and from then on makes true here what the others do. */
export async function joinCluster(context: ServiceContext): Promise<void> {
  const own = context.containers.list().flatMap(({ id }) => placesOf(context, id))
  const waiting = new Set<string>()
  let isBusy = false
  const attempt = (work: Promise<unknown>) =>
    work.catch((error: unknown) => context.log.warn({ error: String(error) }, 'cluster change not followed'))
  const goThrough = async () => {
    if (isBusy) return
    isBusy = true
    while (waiting.size > 0) {
      const networks = new Set(waiting)
      waiting.clear()
      await attempt(follow(context, networks))
    }
    isBusy = false
  }
  await context.cluster.start(own, {
    onChange(networks) {
      for (const network of networks) waiting.add(network)
      // Changes that come in one go are followed in one go.
      setImmediate(() => void goThrough())
    },
    onLost: (endpoint, why) => void attempt(handleLoss(context, endpoint, why)),
  })
}

/** Makes records, tunnels and names true for networks that changed (`'*'`: all). */
async function follow(context: ServiceContext, changed: ReadonlySet<string>): Promise<void> {
  await context.locks.withLock('networks', () => mirror(context))
  for (const network of overlays(context)) {
    if (!changed.has('*') && !changed.has(network.id)) continue
    if (context.cluster.own().some((own) => own.network === network.id)) {
      await refreshPeers(context, network)
      await setZone(context, network.name)
    }
    publish(context, network, 'update')
  }
  await refreshEncryption(context)
}

/** Networks that others added come, and those that they removed go; unless it is the store that lost them. */
async function mirror(context: ServiceContext): Promise<void> {
  const { cluster, networks, log } = context
  if (!cluster.isKnown()) return
  const shared = new Map(cluster.networks().map((one) => [one.id, one]))
  for (const record of overlays(context)) {
    if (shared.delete(record.id)) continue
    const isUsed = containersOn(context, record.name).some(({ record: one }) => holdsAddresses(one, context.starting))
    if (isUsed || cluster.isWiped()) {
      log.warn({ network: record.name, key: networkKey(record.id) }, 'network put back into the cluster store')
      await restoreOverlay(context, record).catch((error: unknown) =>
        log.error({ network: record.name, error: String(error) }, 'network not put back'),
      )
      continue
    }
    try {
      await context.network.remove(record)
      await networks.delete(record.name)
      publish(context, record, 'destroy')
    } catch (error) {
      log.warn({ network: record.name, error: String(error) }, 'network of the cluster not removed')
    }
  }
  for (const network of shared.values()) {
    try {
      const record = toRecord(context, network)
      await assertFits(context, record)
      await networks.put(record)
      publish(context, record, 'create')
    } catch (error) {
      log.warn({ network: network.name, error: String(error) }, 'network of the cluster left out')
    }
  }
}

async function assertFits(context: ServiceContext, record: NetworkRecord): Promise<void> {
  if (context.networks.get(record.name)) throw new Error(`this host has another network named ${record.name}`)
  const taken = await takenSubnets(context)
  for (const pool of [record.ipv4, record.ipv6]) {
    const other = pool && taken.find((one) => isOverlapping(one, pool.subnet))
    if (other) throw new Error(`its subnet ${pool.subnet} meets ${other} on this host`)
  }
}

/** An endpoint that runs here but may not any more: never two with one address. */
async function handleLoss(
  context: ServiceContext,
  endpoint: OwnEndpoint,
  why: 'address-taken' | 'network-gone',
): Promise<void> {
  const network = overlays(context).find(({ id }) => id === endpoint.network)
  if (!network) return
  if (why === 'network-gone') {
    const isBack = await restoreOverlay(context, network)
      .then(async () => (await context.cluster.claim(endpoint)).length === 0)
      .catch((error: unknown) => {
        context.log.warn({ network: network.name, error: String(error) }, 'network not put back')
        return false
      })
    if (isBack) return
  }
  context.log.error(
    { container: endpoint.name, network: network.name, ipv4: endpoint.ipv4, ipv6: endpoint.ipv6, why },
    'container disconnected: another host has its address now',
  )
  await disconnectNetwork(context, { id: network.name, container: endpoint.container, force: true })
}

function publish(context: ServiceContext, { id, name, driver }: NetworkRecord, action: string): void {
  context.bus.publish({ type: 'network', action, id, attributes: { name, type: driver } })
}
