import { inParallel } from '../lib/async.ts'
import type { ContainerRecord } from '../store/schema.ts'
import { startsWithEngine } from './container/restart-policy.ts'
import { launch } from './container/start.ts'
import type { ServiceContext } from './context.ts'
import { parseNetworkMode } from './network/mode.ts'

const LANES = 4

/**
 * Starts what its restart policy brings back with an engine: what the engine before this one stopped on its way out, and
 * `always`, which a person's stop holds down only until then. Those that share another's network come after the others.
 */
export async function comeBack(context: ServiceContext, signal: AbortSignal): Promise<void> {
  const down = context.containers.list().filter(isToStart)
  const isSharing = ({ config }: ContainerRecord) => parseNetworkMode(config.network).kind === 'container'
  for (const records of [down.filter((one) => !isSharing(one)), down.filter(isSharing)])
    await inParallel(LANES, records, async ({ id, name }) => {
      if (signal.aborted) return
      await context.locks
        .withLock(id, async () => {
          const current = context.containers.get(id)
          if (current && isToStart(current))
            await launch(context, { ...current, state: { ...current.state, restartCount: 0 } })
        })
        .catch((error: unknown) => context.log.warn({ id, name, error: String(error) }, 'container not started again'))
    })
}

const isToStart = ({ config, state }: ContainerRecord) =>
  state.status === 'exited' && !config.autoRemove && startsWithEngine(config.restart, state)
