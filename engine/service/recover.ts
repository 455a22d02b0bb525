import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../contract/errors.ts'
import { inParallel } from '../lib/async.ts'
import type { LiveContainer } from '../runtime/container-runtime.ts'
import type { ContainerRecord } from '../store/schema.ts'
import { cleanHost, type ExitEvent, type Supervisor } from './container/exit.ts'
import { currentContainer } from './container/find.ts'
import type { HealthMonitor } from './container/health.ts'
import { removeLocked } from './container/remove.ts'
import { launch } from './container/start.ts'
import { isAlive } from './container/state.ts'
import { stopContainer } from './container/stop.ts'
import type { ServiceContext } from './context.ts'
import { forget } from './sweep.ts'
import { sweepVolumeMounts } from './volume/mounts.ts'

const LANES = 8

/** What recovery asks and tells. */
export interface RecoveryParts {
  /** What the keeper follows at this moment. */
  readonly listLive: () => Promise<readonly LiveContainer[]>
  /** Ids of containers that the keeper holds anything of. */
  readonly listTraces: () => Promise<readonly string[]>
  readonly supervisor: Supervisor
  readonly health: HealthMonitor
}

/**
 * Makes the records true again after a start of the engine or a new keeper: what lives is adopted, what died meanwhile
 * goes through the same exit path as ever, planned restarts are planned anew, stops and removals that were cut off are
 * finished. Containers come and go meanwhile: each is judged by what is so while its lock is held.
 */
export async function recoverContainers(context: ServiceContext, parts: RecoveryParts): Promise<void> {
  const [mounted, traces, live] = await Promise.all([
    context.runtime.listMounted(),
    parts.listTraces(),
    parts.listLive(),
  ])
  const running = new Set(live.filter(({ state }) => state === 'running').map(({ containerId }) => containerId))
  const traced = new Set([...mounted, ...traces])
  await inParallel(LANES, context.containers.list(), async (record) => {
    try {
      if (running.has(record.id) && isAlive(record.state.status)) adoptRunning(context, record, parts)
      else await parts.supervisor.settle(record.id, (current) => findExit(context, current, parts))
      await context.locks.withLock(record.id, () =>
        settleStopped(context, record.id, { isTraced: traced.has(record.id), parts }),
      )
    } catch (error) {
      // All begins anew with the next keeper; what is wrong with one container keeps no other from being recovered.
      if (EngineError.from(error).reason === 'keeper.lost') throw error
      context.log.warn({ id: record.id, error: String(error) }, 'container not recovered')
    }
  })
  await sweepVolumeMounts(context)
  const bundles = await readdir(path.dirname(context.layout.bundle('any'))).catch(() => [])
  for (const id of new Set([...traced, ...bundles])) await forget(context, id)
}

/** One that goes on is watched; a stop that was cut off is finished, so that nobody takes it for one that may be restarted. */
function adoptRunning(context: ServiceContext, record: ContainerRecord, { health }: RecoveryParts): void {
  health.watch(record)
  if (!record.state.isStoppedByUser || context.stopping.has(record.id)) return
  void stopContainer(context, record.id, { isByEngine: record.state.isStoppedByEngine }).catch((error: unknown) =>
    context.log.warn({ id: record.id, error: String(error) }, 'stop not finished'),
  )
}

/** How a container that should run ended; `null` when it runs, perhaps since a moment ago. */
async function findExit(
  context: ServiceContext,
  record: ContainerRecord,
  parts: RecoveryParts,
): Promise<ExitEvent | null> {
  const found = (await parts.listLive()).find(({ containerId }) => containerId === record.id)
  if (found?.state === 'running') return null
  const now = context.now().toISOString()
  const outcome = found
    ? { ...found, time: found.exitedAt || now }
    : (record.state.outcome ?? { exitCode: 255, oomKilled: false, shimLost: true, time: now })
  const { exitCode, oomKilled, shimLost, time } = outcome
  return { type: 'exit', containerId: record.id, exitCode, oomKilled, shimLost, time }
}

/** What a start, an exit or a removal that was cut off has left undone. The caller holds the lock. */
async function settleStopped(
  context: ServiceContext,
  id: string,
  { isTraced, parts }: { readonly isTraced: boolean; readonly parts: RecoveryParts },
): Promise<void> {
  const found = context.containers.get(id)
  if (!found || isAlive(found.state.status)) return
  if (isTraced || found.state.mountedVolumes.length > 0) await cleanHost(context, id)
  // As cleaning has left it: a volume that was given back must be asked for again.
  const record = currentContainer(context.containers, id)
  const { status, removesVolumes, isBeingReplaced } = record.state
  if (isBeingReplaced) await launch(context, { ...record, state: { ...record.state, isBeingReplaced: false } })
  else if (status === 'restarting') parts.supervisor.planRestart(record)
  else if (status === 'removing' || status === 'dead') await removeLocked(context, record, { volumes: removesVolumes })
  else if (status === 'exited' && record.config.autoRemove) await removeLocked(context, record, { volumes: true })
}
