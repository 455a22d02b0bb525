import type { LiveContainer } from '../runtime/container-runtime.ts'
import { cleanHost, type Supervisor } from './container/exit.ts'
import type { HealthMonitor } from './container/health.ts'
import { removeLocked } from './container/remove.ts'
import { launch } from './container/start.ts'
import { isAlive } from './container/state.ts'
import type { ServiceContext } from './context.ts'

/**
 * Makes the records true again after a start of the engine or a new keeper: what lives is adopted, what died meanwhile
 * goes through the same exit path as ever, planned restarts are planned anew, half-removed containers are removed.
 */
export async function recoverContainers(
  context: ServiceContext,
  parts: { readonly live: readonly LiveContainer[]; readonly supervisor: Supervisor; readonly health: HealthMonitor },
): Promise<void> {
  const mounted = await context.runtime.listMounted()
  const live = new Map(parts.live.map((container) => [container.containerId, container]))
  for (const record of context.containers.list()) {
    const found = live.get(record.id)
    live.delete(record.id)
    if (isAlive(record.state.status)) {
      if (found?.state === 'running') {
        parts.health.watch(record)
        continue
      }
      await parts.supervisor.handleExit({
        type: 'exit',
        containerId: record.id,
        exitCode: found?.exitCode ?? 255,
        oomKilled: found?.oomKilled ?? false,
        shimLost: !found,
        time: context.now().toISOString(),
      })
      continue
    }
    if (found || mounted.has(record.id)) await cleanStopped(context, record.id)
    if (record.state.status === 'restarting') {
      await context.locks
        .withLock(record.id, () => launch(context, record))
        .catch((error: unknown) =>
          context.log.warn({ id: record.id, error: String(error) }, 'restart after recovery failed'),
        )
    } else if (record.state.status === 'removing' || record.state.status === 'dead') {
      await finishRemoval(context, record.id)
    }
  }
  for (const id of live.keys()) await cleanHost(context, id)
}

/** What a start that was cut off has left behind. A start that goes on meanwhile holds the lock and is not disturbed. */
async function cleanStopped(context: ServiceContext, id: string): Promise<void> {
  await context.locks.withLock(id, async () => {
    const record = context.containers.get(id)
    if (record && !isAlive(record.state.status)) await cleanHost(context, id)
  })
}

/** Goes on with a removal that was cut off. Anonymous volumes stay: nobody knows any more whether they were to go. */
async function finishRemoval(context: ServiceContext, id: string): Promise<void> {
  await context.locks
    .withLock(id, async () => {
      const record = context.containers.get(id)
      if (record) await removeLocked(context, record, { volumes: false })
    })
    .catch((error: unknown) => context.log.warn({ id, error: String(error) }, 'removal not finished'))
}
