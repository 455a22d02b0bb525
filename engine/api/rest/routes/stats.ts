import type { StatsSample } from '../../../contract/container.ts'
import type { Services } from '../../../service/services.ts'
import { timeOr } from '../codec/time.ts'
import { isTrue } from '../http.ts'
import type { Route } from '../router.ts'

/** `/containers/{id}/stats`. */
export function statsRoutes({ container }: Services): Route[] {
  return [
    {
      method: 'GET',
      path: '/containers/{id}/stats',
      handle: ({ params, query, signal }) => {
        const { id, name } = container.inspect(params['id'] ?? '')
        const isOnce = query.has('stream') && !isTrue(query.get('stream'))
        return { status: 200, stream: statsLines(container, { id, name, isOnce, signal }) }
      },
    },
  ]
}

interface StatsRequest {
  readonly id: string
  readonly name: string
  readonly isOnce: boolean
  readonly signal: AbortSignal
}

async function* statsLines(container: Services['container'], { id, name, isOnce, signal }: StatsRequest) {
  let previous: StatsSample | undefined
  const stop = new AbortController()
  signal.addEventListener('abort', () => stop.abort(), { once: true })
  try {
    for await (const samples of container.stats([id], stop.signal)) {
      const [sample] = samples
      if (!sample) {
        if (container.inspect(id).status !== 'running') return
        continue
      }
      if (previous || !isOnce) yield `${JSON.stringify({ id, name: `/${name}`, ...toStats(sample, previous) })}\n`
      if (previous && isOnce) return
      previous = sample
    }
  } finally {
    stop.abort()
  }
}

const toCpu = (sample: StatsSample | undefined) => ({
  cpu_usage: { total_usage: sample?.cpuNanoseconds ?? 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  // One core's time: the client multiplies the share by `online_cpus`.
  system_cpu_usage: sample ? Math.round(sample.time * 1e6) : 0,
  online_cpus: 1,
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
})

function toStats(sample: StatsSample, previous: StatsSample | undefined) {
  return {
    read: timeOr(new Date(sample.time).toISOString()),
    preread: timeOr(previous ? new Date(previous.time).toISOString() : ''),
    pids_stats: { current: sample.pids },
    num_procs: 0,
    storage_stats: {},
    cpu_stats: toCpu(sample),
    precpu_stats: toCpu(previous),
    memory_stats: { usage: sample.memoryBytes, limit: sample.memoryLimitBytes, stats: {} },
    blkio_stats: {
      io_service_bytes_recursive: [
        { major: 0, minor: 0, op: 'read', value: sample.readBytes },
        { major: 0, minor: 0, op: 'write', value: sample.writtenBytes },
      ],
    },
    networks: { eth0: { rx_bytes: sample.rxBytes, tx_bytes: sample.txBytes } },
  }
}
