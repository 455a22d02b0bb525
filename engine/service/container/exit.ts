import type { HostEvent } from '../../runtime/container-runtime.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { publishPlaces } from '../network/publish-places.ts'
import { refreshNames } from '../network/refresh.ts'
import { unmountVolumes } from '../volume/mounts.ts'
import { publishMounts } from '../volume/publish-mounts.ts'
import { currentContainer } from './find.ts'
import { removeLocked } from './remove.ts'
import { decideRestart, FIRST_DELAY_MS } from './restart-policy.ts'
import { launch } from './start.ts'
import { isAlive } from './state.ts'
import { publishContainer, putState } from './update-state.ts'

export type ExitEvent = Extract<HostEvent, { type: 'exit' }>

/** Turns the exit of a process into state: host side cleaned, record committed, `die` said, restart policy applied. */
export interface Supervisor {
  handleExit(event: ExitEvent): Promise<void>
  /** The same for one that ought to be alive: `find` says, while its lock is held, how it ended, or `null` that it did not. */
  settle(id: string, find: (record: ContainerRecord) => Promise<ExitEvent | null>): Promise<void>
  /** Plans the next start of one that is being restarted anew. */
  planRestart(record: ContainerRecord): void
  /** Forgets planned restarts; containers stay as they are. */
  close(): void
}

/** The one place that reacts to exits. Planned restarts are kept here and die with the engine; recovery plans them anew. */
export function createSupervisor(context: ServiceContext): Supervisor {
  const delays = new Map<string, number>()
  const timers = new Map<string, NodeJS.Timeout>()

  const restartLater = (record: ContainerRecord, delayMs: number) => {
    delays.set(record.id, delayMs)
    clearTimeout(timers.get(record.id))
    timers.set(
      record.id,
      setTimeout(() => {
        timers.delete(record.id)
        void context.locks.withLock(record.id, async () => {
          const current = context.containers.get(record.id)
          if (current?.state.status !== 'restarting') return
          await launch(context, {
            ...current,
            state: { ...current.state, restartCount: current.state.restartCount + 1 },
          }).catch((error: unknown) => context.log.warn({ id: record.id, error: String(error) }, 'restart failed'))
        })
      }, delayMs),
    )
  }

  const settle: Supervisor['settle'] = (id, find) =>
    context.locks.withLock(id, async () => {
      const record = context.containers.get(id)
      if (!record || !isAlive(record.state.status)) return
      const event = await find(record)
      if (!event) return
      const { exitCode, oomKilled, shimLost, time } = event
      const noted = putState(context, record, { outcome: { exitCode, oomKilled, shimLost, time } })
      const ranForMs = Math.max(0, Date.parse(time) - Date.parse(record.state.startedAt))
      await cleanHost(context, record.id, noted)
      const delay = decideRestart({
        policy: record.config.restart,
        exitCode,
        restartCount: record.state.restartCount,
        isStoppedByUser: record.state.isStoppedByUser,
        ranForMs,
        previousDelayMs: delays.get(record.id) ?? 0,
      })
      const next = await putState(
        context,
        { ...record, ports: [] },
        {
          status: delay === null ? 'exited' : 'restarting',
          exitCode,
          oomKilled,
          error: shimLost ? 'shim lost' : '',
          finishedAt: time,
          outcome: null,
          init: null,
          conmon: null,
          health: 'none',
          mountedVolumes: [],
        },
      )
      await refreshNames(
        context,
        next.endpoints.map(({ network }) => network),
        next.id,
      )
      if (oomKilled) publishContainer(context, next, 'oom')
      publishPlaces(context, next, 'disconnect')
      publishMounts(context, next, 'unmount')
      const execDuration = String(Math.floor(ranForMs / 1000))
      publishContainer(context, next, 'die', { exitCode: String(exitCode), execDuration })
      if (delay !== null) restartLater(next, delay)
      else {
        delays.delete(record.id)
        if (record.config.autoRemove && !record.state.isBeingReplaced)
          await removeLocked(context, currentContainer(context.containers, record.id), { volumes: true })
      }
    })
  return {
    settle,
    handleExit: (event) => settle(event.containerId, async () => event),
    planRestart: (record) => restartLater(record, delays.get(record.id) ?? FIRST_DELAY_MS),
    close() {
      for (const timer of timers.values()) clearTimeout(timer)
      timers.clear()
    },
  }
}

/** Takes a dead container's process, ports, namespace and mount away; the process, and how it ended, once that is `noted`. */
export async function cleanHost(context: ServiceContext, id: string, noted?: Promise<unknown>): Promise<void> {
  const attempt = (name: string, work: Promise<unknown>) =>
    work.catch((error: unknown) => context.log.warn({ id, step: name, error: String(error) }, 'cleaning step failed'))
  await Promise.all([
    attempt('outcome', Promise.resolve(noted))
      .then(() => attempt('runtime', context.runtime.remove(id)))
      .then(() =>
        Promise.all([
          attempt('unmount', context.runtime.unmountRoot(context.layout.merged(id))),
          attempt('mounts', context.runtime.releaseMounts(id)),
        ]),
      )
      .then(() => attempt('volumes', unmountVolumes(context, id))),
    attempt('ports', context.network.unpublish(id)).then(() => attempt('sandbox', context.network.leave(id))),
  ])
}
