import { EngineError } from '../../contract/errors.ts'
import { PREDEFINED_NETWORKS } from '../../contract/network.ts'
import { isEncrypted } from '../../network/overlay.ts'
import type { NetworkRecord } from '../../store/schema.ts'
import { holdsAddresses } from '../container/state.ts'
import type { ServiceContext } from '../context.ts'
import { publishPrune } from '../prune.ts'
import { containersOn } from './endpoints.ts'
import { assertChangeable, findNetwork } from './find.ts'
import { refreshEncryption } from './overlay.ts'

/** Removes a network that no running container is on. */
export async function removeNetwork(context: ServiceContext, ref: string): Promise<void> {
  await alone(context, async () => {
    const record = findNetwork(context.networks, ref)
    assertChangeable(record.name)
    const running = runningOn(context, record)
    if (running.length > 0)
      throw new EngineError(
        'forbidden',
        'network.in-use',
        `error while removing network: network ${record.name} has active endpoints (${running.map(({ name, id }) => `name:"${name}" id:"${id.slice(0, 12)}"`).join(', ')})`,
        { details: { network: record.name, containers: running.map(({ name }) => name).join(', ') } },
      )
    await removeLocked(context, record)
  })
}

/** Removes the user's networks that no container is on, running or not. Answers with their names. */
export async function pruneNetworks(
  context: ServiceContext,
  isWanted: (network: Pick<NetworkRecord, 'labels' | 'createdAt'>) => boolean,
): Promise<{ removed: string[] }> {
  return alone(context, async () => {
    const unused = context.networks
      .list()
      .filter((record) => !PREDEFINED_NETWORKS.includes(record.name) && isWanted(record))
      .filter((record) => containersOn(context, record.name).length === 0)
    const removed = await Promise.all(
      unused.map((record) =>
        removeLocked(context, record).then(
          () => [record.name],
          (error: unknown) => {
            // Of the cluster's networks: somebody is on it elsewhere, or the store is away.
            if (record.driver === 'overlay') return []
            throw error
          },
        ),
      ),
    )
    publishPrune(context, 'network', 0)
    return { removed: removed.flat() }
  })
}

/** Beside no other change of networks, and while no container is given addresses: it would start on what is going. */
export const alone = <T>({ locks }: ServiceContext, work: () => Promise<T>): Promise<T> =>
  locks.withLock('networks', () => locks.withLock('addresses', work))

async function removeLocked(context: ServiceContext, record: NetworkRecord): Promise<void> {
  if (record.driver === 'overlay' && context.cluster.isConfigured) await context.cluster.removeNetwork(record.id)
  // A parent of our own making may carry a second network.
  const isShared = context.networks
    .list()
    .some((other) => other.id !== record.id && other.interface === record.interface)
  if (!isShared) await context.network.remove(record)
  await context.networks.delete(record.name)
  // The store tells of what others change, not of this.
  if (record.driver === 'overlay' && isEncrypted(record))
    await refreshEncryption(context).catch((error: unknown) =>
      context.log.warn({ network: record.name, error: String(error) }, 'encryption not made true'),
    )
  context.bus.publish({
    type: 'network',
    action: 'destroy',
    id: record.id,
    attributes: { name: record.name, type: record.driver },
  })
}

/** Containers that hold addresses on a network. */
export function runningOn(context: ServiceContext, { name }: NetworkRecord) {
  return containersOn(context, name)
    .map(({ record }) => record)
    .filter((record) => holdsAddresses(record, context.starting))
}
