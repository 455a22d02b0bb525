import os from 'node:os'
import type { StatsSample } from '../../../contract/container.ts'
import type { Services } from '../../../service/services.ts'
import { NO_STATS, toStats } from '../codec/stats.ts'
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
        // Without a sample of before there is no share of the processor, but nothing to wait for either.
        const isAtOnce = isOnce && isTrue(query.get('one-shot'))
        return { status: 200, stream: statsLines(container, { id, name, isOnce, isAtOnce, signal }) }
      },
    },
  ]
}

interface StatsRequest {
  readonly id: string
  readonly name: string
  readonly isOnce: boolean
  readonly isAtOnce: boolean
  readonly signal: AbortSignal
}

async function* statsLines(container: Services['container'], request: StatsRequest) {
  const { id, name, isOnce, isAtOnce, signal } = request
  const line = (stats: object) => `${JSON.stringify({ id, name: `/${name}`, ...stats })}\n`
  let previous: StatsSample | undefined
  const stop = new AbortController()
  signal.addEventListener('abort', () => stop.abort(), { once: true })
  try {
    for await (const samples of container.stats([id], stop.signal)) {
      const [sample] = samples
      if (!sample) {
        if (container.inspect(id).status === 'running') continue
        if (isOnce) yield line(NO_STATS)
        return
      }
      if (previous || !isOnce || isAtOnce) yield line(toStats(sample, previous, os.totalmem()))
      if (isAtOnce || (previous && isOnce)) return
      previous = sample
    }
  } finally {
    stop.abort()
  }
}
