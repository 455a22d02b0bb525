import type { ConnectionSample } from '../../contract/network.ts'
import { sleep } from '../../lib/async.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import { isAlive } from '../container/state.ts'
import type { ServiceContext } from '../context.ts'

const INTERVAL_MS = 1000

/** Connections of what runs, once a second while somebody listens; nothing is counted otherwise. */
export async function* streamConnections(
  context: ServiceContext,
  signal: AbortSignal,
): AsyncIterable<ConnectionSample[]> {
  while (!signal.aborted) {
    yield await countConnections(context)
    await sleep(INTERVAL_MS, signal)
  }
}

async function countConnections(context: ServiceContext): Promise<ConnectionSample[]> {
  const records = new Map(
    context.containers
      .list()
      .filter(({ state, endpoints }) => isAlive(state.status) && endpoints.length > 0)
      .map((record) => [record.id, record]),
  )
  if (records.size === 0) return []
  const containers = [...records.values()].flatMap(({ id, state, endpoints }) =>
    state.init
      ? [{ containerId: id, process: state.init, addresses: endpoints.flatMap((endpoint) => addressesOf(endpoint)) }]
      : [],
  )
  const counts = await context.network.inspection.countConnections({ containers })
  return counts.flatMap(({ containerId, established, published }) => {
    const record = records.get(containerId)
    if (!record) return []
    const interfaces = record.endpoints.map((endpoint) => ({
      name: endpoint.interface,
      connections: established
        .filter(({ address }) => addressesOf(endpoint).includes(address))
        .reduce((sum, { count }) => sum + count, 0),
    }))
    return [{ id: containerId, interfaces, published }]
  })
}

const addressesOf = ({ ipAddress, ipv6Address }: ContainerRecord['endpoints'][number]) =>
  [ipAddress, ipv6Address].filter(Boolean)
