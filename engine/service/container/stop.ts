import { EngineError } from '../../contract/errors.ts'
import { parseSignal } from '../../lib/signals.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { currentContainer, findContainer } from './find.ts'
import { goesOn, isAlive } from './state.ts'
import { publishContainer, putState } from './update-state.ts'
import { waitForExit } from './wait.ts'

/** How long the news of an exit may take to come from the keeper. */
const NEWS_MS = 10_000

/** How a container is stopped; absent, as it was made to be. */
export interface StopOptions {
  /** −1 waits for ever. */
  readonly timeoutSeconds?: number | undefined
  readonly signal?: string | undefined
  /** The engine ends, and takes it along: its restart policy brings it back. */
  readonly isByEngine?: boolean
}

/** Stop signal, patience, then SIGKILL. `timeoutSeconds` −1 waits for ever; one that does not run is `notModified`. */
export async function stopContainer(
  context: ServiceContext,
  ref: string,
  { timeoutSeconds, signal = '', isByEngine = false }: StopOptions = {},
): Promise<void> {
  const asked = signal === '' ? '' : parseSignal(signal)
  const { id } = findContainer(context.containers, ref)
  const record = await context.locks.withLock(id, async () => {
    const current = currentContainer(context.containers, id)
    if (current.state.status === 'restarting') {
      publishContainer(context, await callOffRestart(context, current, isByEngine), 'stop')
      return null
    }
    if (!isAlive(current.state.status)) {
      throw new EngineError('notModified', 'container.stopped', `container "${current.name}" is not running`)
    }
    if (current.state.status === 'paused') await context.runtime.resume(id)
    return putState(context, current, {
      isStoppedByUser: true,
      isStoppedByEngine: isByEngine,
      status: 'running',
    })
  })
  if (!record) return
  const patience = timeoutSeconds ?? record.config.stopTimeoutSeconds
  const exited = waitForExit(context, id)
  context.stopping.add(id)
  try {
    await signalIgnoringGone(context, record, asked || record.process.stopSignal)
    if (patience === -1) await exited
    else if (!(await settlesWithin(exited, patience * 1000))) {
      await signalIgnoringGone(context, record, 'SIGKILL')
      await exited
    }
  } finally {
    context.stopping.delete(id)
  }
  const stopped = context.containers.get(id)
  if (stopped) publishContainer(context, stopped, 'stop')
}

/** Stops a container that shall live on: it is not removed, even if that is what its end is for. Its next start forgets that. */
export async function stopForLater(context: ServiceContext, id: string, options: StopOptions = {}): Promise<void> {
  const mark = (isBeingReplaced: boolean) =>
    context.locks.withLock(id, () => putState(context, currentContainer(context.containers, id), { isBeingReplaced }))
  await mark(true)
  try {
    await stopContainer(context, id, options)
  } catch (error) {
    // It ended by itself meanwhile.
    if (EngineError.from(error).code === 'notModified') return
    await mark(false)
    throw error
  }
}

/** Ends the loop of a container that waits for its next start. The caller holds its lock. */
const callOffRestart = (context: ServiceContext, record: ContainerRecord, isStoppedByEngine = false) =>
  putState(context, record, { status: 'exited', isStoppedByUser: true, isStoppedByEngine })

/** Sends a signal to the main process of a running container; one that waits for its next start stays down. */
export async function killContainer(context: ServiceContext, ref: string, signal: string): Promise<void> {
  const record = findContainer(context.containers, ref)
  const name = parseSignal(signal)
  const notRunning = () =>
    new EngineError(
      'conflict',
      'container.not-running',
      `cannot kill container: ${record.name}: container ${record.id} is not running`,
    )
  if (!goesOn(record.state.status)) throw notRunning()
  const exited = waitForExit(context, record.id)
  const isOver = await context.locks.withLock(record.id, async () => {
    const current = currentContainer(context.containers, record.id)
    if (current.state.status === 'restarting') {
      publishContainer(context, await callOffRestart(context, current), 'kill', { signal: name })
      return true
    }
    if (name === 'SIGKILL') {
      if (current.state.status === 'paused') await context.runtime.resume(record.id)
      await putState(context, current, { isStoppedByUser: true })
    }
    return false
  })
  if (isOver) return
  await context.runtime.signal(record.id, name).catch(async (error: unknown) => {
    // It ended by itself meanwhile; the news of that may still be on its way.
    if (['notFound', 'conflict'].includes(EngineError.from(error).code)) await settlesWithin(exited, NEWS_MS)
    if (isAlive(context.containers.get(record.id)?.state.status ?? 'exited')) throw error
    throw notRunning()
  })
  publishContainer(context, record, 'kill', { signal: name })
  if (name === 'SIGKILL') await exited
}

async function signalIgnoringGone(context: ServiceContext, record: ContainerRecord, signal: string): Promise<void> {
  await context.runtime.signal(record.id, signal).catch((error: unknown) => {
    const status = context.containers.get(record.id)?.state.status
    if (status && isAlive(status)) context.log.warn({ id: record.id, signal, error: String(error) }, 'signal failed')
  })
}

async function settlesWithin(work: Promise<unknown>, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds)
  })
  const settled = await Promise.race([work.then(() => true as const), late])
  clearTimeout(timer)
  return settled
}
