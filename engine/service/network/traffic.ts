import { EngineError } from '../../contract/errors.ts'
import type { TrafficSample } from '../../contract/network.ts'
import { sleep } from '../../lib/async.ts'
import { isBridged } from '../../network/driver.ts'
import type { TrafficCounters } from '../../network/networks.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import { isAlive } from '../container/state.ts'
import type { ServiceContext } from '../context.ts'

const INTERVAL_MS = 1000

/** Traffic of what runs, once a second while somebody listens; nothing is counted otherwise. */
export async function* streamTraffic(context: ServiceContext, signal: AbortSignal): AsyncIterable<TrafficSample> {
  while (!signal.aborted) {
    yield await measure(context)
    await sleep(INTERVAL_MS, signal)
  }
}

async function measure(context: ServiceContext): Promise<TrafficSample> {
  const records = new Map(
    context.containers
      .list()
      .filter(({ state, endpoints }) => isAlive(state.status) && state.init && endpoints.length > 0)
      .map((record) => [record.id, record]),
  )
  const containers = [...records.values()].flatMap(({ id, state, endpoints }) =>
    state.init
      ? [{ containerId: id, process: state.init, addresses: endpoints.flatMap((endpoint) => addressesOf(endpoint)) }]
      : [],
  )
  const bridges = context.networks.list().filter(isBridged)
  const { inspection } = context.network
  const [connections, counters] = await Promise.all([
    containers.length > 0 ? inspection.countConnections({ containers }) : [],
    inspection
      .measureTraffic({
        containers: containers.map(({ containerId, addresses }) => ({ containerId, addresses })),
        interfaces: bridges.map((network) => network.interface),
      })
      .catch(ofOlderKeeper),
  ])
  const published = new Map(counters.published?.map((one) => [one.containerId, one]))
  return {
    time: performance.now(),
    containers: connections.flatMap(({ containerId, established, published: count }) => {
      const record = records.get(containerId)
      if (!record) return []
      const bytes = published.get(containerId)
      const interfaces = record.endpoints.map((endpoint) => ({
        name: endpoint.interface,
        connections: established
          .filter(({ address }) => addressesOf(endpoint).includes(address))
          .reduce((sum, { count }) => sum + count, 0),
      }))
      return [
        {
          id: containerId,
          interfaces,
          published: { connections: count, bytes: bytes ? { received: bytes.received, sent: bytes.sent } : null },
        },
      ]
    }),
    bridges: counters.interfaces.flatMap(({ name, rxBytes, txBytes }) => {
      const network = bridges.find((one) => one.interface === name)
      return network ? [{ networkId: network.id, received: txBytes, sent: rxBytes }] : []
    }),
  }
}

/** A keeper from before an update measures no traffic, and need not. */
function ofOlderKeeper(error: unknown): TrafficCounters {
  if (EngineError.from(error).reason === 'host.no-such-call') return { published: null, interfaces: [] }
  throw error
}

const addressesOf = ({ ipAddress, ipv6Address }: ContainerRecord['endpoints'][number]) =>
  [ipAddress, ipv6Address].filter(Boolean)
