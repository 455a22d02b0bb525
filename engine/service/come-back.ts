import { inParallel } from '../lib/async.ts'
import type { ContainerRecord } from '../store/schema.ts'
import { startsWithEngine } from './container/restart-policy.ts'
import { launch } from './container/start.ts'
import type { ServiceContext } from './context.ts'
import { parseNetworkMode } from './network/mode.ts'

const LANES = 4

/**
 * Starts what its restart policy brings back with an engine: what the engine before this one stopped on its way out, and
 * `always`, which a person's stop holds down only until then. Those that share a namespace of another come after it.
 */
export async function comeBack(context: ServiceContext, signal: AbortSignal): Promise<void> {
  for (const wave of inWaves(context.containers.list().filter(isToStart)))
    await inParallel(LANES, wave, async ({ id, name }) => {
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

type Sharing = Pick<ContainerRecord, 'id'> & {
  readonly config: Pick<ContainerRecord['config'], 'network' | 'namespaces'>
}

/** Containers in the order in which they can be started: each wave needs only what came before it. */
export function inWaves<T extends Sharing>(records: readonly T[]): T[][] {
  const waves: T[][] = []
  for (let waiting = [...records]; waiting.length > 0; ) {
    const ids = new Set(waiting.map(({ id }) => id))
    const ready = waiting.filter((record) => !donorsOf(record).some((id) => ids.has(id)))
    // A ring has no beginning: each of them says what it lacks.
    const wave = ready.length > 0 ? ready : waiting
    waves.push(wave)
    waiting = waiting.filter((record) => !wave.includes(record))
  }
  return waves
}

/** Ids of the containers whose namespaces a container shares. */
function donorsOf({ config }: Sharing): string[] {
  const network = parseNetworkMode(config.network)
  const namespaces = [config.namespaces.pid, config.namespaces.ipc].filter((mode) => mode.startsWith('container:'))
  return [
    ...(network.kind === 'container' ? [network.container] : []),
    ...namespaces.map((mode) => mode.slice('container:'.length)),
  ]
}
