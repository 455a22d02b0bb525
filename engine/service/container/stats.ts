import type { StatsSample } from '../../contract/container.ts'
import { sleep } from '../../lib/async.ts'
import type { HostStats } from '../../runtime/container-runtime.ts'
import type { ServiceContext } from '../context.ts'

const INTERVAL_MS = 1000

/** CPU use between two samples, in percent of one core. */
export function cpuPercent(previous: HostStats | undefined, current: HostStats): number {
  if (!previous || current.time <= previous.time) return 0
  const busyMs = (current.cpuNanoseconds - previous.cpuNanoseconds) / 1e6
  return Math.max(0, (busyMs / (current.time - previous.time)) * 100)
}

/** One batch of samples a second while somebody listens; nothing is read otherwise. */
export async function* streamStats(
  context: ServiceContext,
  ids: readonly string[],
  signal: AbortSignal,
): AsyncIterable<StatsSample[]> {
  let previous = new Map<string, HostStats>()
  while (!signal.aborted) {
    const running = context.containers
      .list()
      .filter(
        ({ id, state }) =>
          (state.status === 'running' || state.status === 'paused') && (ids.length === 0 || ids.includes(id)),
      )
      .map(({ id }) => id)
    const samples = running.length ? await context.runtime.stats(running) : []
    yield samples.map((sample) => toSample(previous.get(sample.containerId), sample))
    previous = new Map(samples.map((sample) => [sample.containerId, sample]))
    await sleep(INTERVAL_MS, signal)
  }
}

function toSample(previous: HostStats | undefined, { containerId, ...current }: HostStats): StatsSample {
  return {
    ...current,
    interfaces: [...current.interfaces],
    id: containerId,
    time: Date.now(),
    cpuPercent: cpuPercent(previous, { containerId, ...current }),
  }
}
