import type { HealthResult } from '../../contract/container.ts'
import { EngineError } from '../../contract/errors.ts'
import type { HealthcheckSpec } from '../../contract/healthcheck.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { publishContainer, putState } from './update-state.ts'

const KEPT_RESULTS = 5
const MAX_OUTPUT = 4096

/** Where a healthcheck stands between two probes. */
export interface HealthProgress {
  readonly state: 'starting' | 'healthy' | 'unhealthy'
  readonly failures: number
}

/** The state after a probe. Failures inside the start period do not count. */
export function nextHealth(
  progress: HealthProgress,
  probe: { readonly exitCode: number; readonly ageSeconds: number },
  rules: { readonly retries: number; readonly startPeriodSeconds: number },
): HealthProgress {
  if (probe.exitCode === 0) return { state: 'healthy', failures: 0 }
  if (progress.state === 'starting' && probe.ageSeconds < rules.startPeriodSeconds) return progress
  const failures = progress.failures + 1
  return { state: failures >= rules.retries ? 'unhealthy' : progress.state, failures }
}

/** Seconds until the next probe: in the start period others than later, as long as none has succeeded. */
export function nextInterval(
  { state, ageSeconds }: { readonly state: HealthProgress['state']; readonly ageSeconds: number },
  rules: Pick<HealthcheckSpec, 'intervalSeconds' | 'startPeriodSeconds' | 'startIntervalSeconds'>,
): number {
  const isStarting = state === 'starting' && ageSeconds < rules.startPeriodSeconds
  return isStarting ? rules.startIntervalSeconds : rules.intervalSeconds
}

/** Runs the healthchecks of running containers. */
export interface HealthMonitor {
  /** Begins probing a container that just started; it ends by itself with the container. */
  watch(record: ContainerRecord): void
  /** Failures in a row since the start, and the last five probes, oldest first. */
  describe(id: string): { readonly failures: number; readonly results: readonly HealthResult[] }
  close(): void
}

/** One timer a container with a healthcheck; none otherwise. */
export function createHealthMonitor(context: ServiceContext): HealthMonitor {
  const timers = new Map<string, NodeJS.Timeout>()
  let isClosed = false
  const ageOf = (startedAt: string) => (context.now().getTime() - Date.parse(startedAt)) / 1000
  const history = new Map<string, { failures: number; results: readonly HealthResult[] }>()

  const probe = async (id: string, startedAt: string, progress: HealthProgress): Promise<void> => {
    const record = context.containers.get(id)
    const check = record?.process.healthcheck
    if (
      !record ||
      !check ||
      record.state.startedAt !== startedAt ||
      !['running', 'paused'].includes(record.state.status)
    ) {
      timers.delete(id)
      if (!record) history.delete(id)
      return
    }
    let next = progress
    if (record.state.status === 'running') {
      const begun = context.now().toISOString()
      const probed = await context.runtime.probe(record, check).catch((error: unknown) => {
        // Nothing is known of the container then: the next probe tells.
        if (EngineError.from(error).reason === 'keeper.lost') return null
        return { exitCode: 1, output: String(error) }
      })
      if (!probed) return schedule(id, startedAt, progress, check)
      if (!isWatched(id, startedAt)) return
      const { exitCode, output } = probed
      next = nextHealth(progress, { exitCode, ageSeconds: ageOf(startedAt) }, check)
      const result = {
        startedAt: begun,
        endedAt: context.now().toISOString(),
        exitCode,
        output: output.slice(0, MAX_OUTPUT),
      }
      const results = [...(history.get(id)?.results ?? []), result].slice(-KEPT_RESULTS)
      history.set(id, { failures: next.failures, results })
      if (next.state !== record.state.health) await commit(id, startedAt, next.state)
    }
    schedule(id, startedAt, next, check)
  }

  const commit = (id: string, startedAt: string, health: HealthProgress['state']) =>
    context.locks.withLock(id, async () => {
      const current = context.containers.get(id)
      if (!current || current.state.startedAt !== startedAt || current.state.status !== 'running') return
      publishContainer(context, await putState(context, current, { health }), 'health_status', { health })
    })

  /** Whether it is still the same life of the container: a probe of an earlier one tells nothing of this. */
  const isWatched = (id: string, startedAt: string) => context.containers.get(id)?.state.startedAt === startedAt

  /** One timer a container: a probe that was under way when the container was watched anew goes on in its place. */
  const schedule = (id: string, startedAt: string, progress: HealthProgress, check: HealthcheckSpec) => {
    if (isClosed || !isWatched(id, startedAt)) return
    clearTimeout(timers.get(id))
    const seconds = nextInterval({ state: progress.state, ageSeconds: ageOf(startedAt) }, check)
    timers.set(
      id,
      setTimeout(() => void probe(id, startedAt, progress), seconds * 1000),
    )
  }

  return {
    watch(record) {
      const check = record.process.healthcheck
      if (!check) return
      history.delete(record.id)
      const state = record.state.health === 'none' ? 'starting' : record.state.health
      schedule(record.id, record.state.startedAt, { state, failures: 0 }, check)
    },
    describe: (id) => history.get(id) ?? { failures: 0, results: [] },
    close() {
      isClosed = true
      for (const timer of timers.values()) clearTimeout(timer)
      timers.clear()
    },
  }
}
