import { EngineError } from '../../contract/errors.ts'
import type { ServiceContext } from '../context.ts'
import { currentContainer, findContainer } from './find.ts'
import { removeContainer } from './remove.ts'
import { goesOn } from './state.ts'
import { type StopOptions, stopContainer } from './stop.ts'
import { publishContainer, putState } from './update-state.ts'

/** Stops, if it runs, and starts again, also one that is removed when it stops: that one goes if it does not start. */
export async function restartContainer(
  context: ServiceContext,
  ref: string,
  options: StopOptions & { readonly start: (id: string) => Promise<void> },
): Promise<void> {
  const { id, config, state } = findContainer(context.containers, ref)
  if (goesOn(state.status)) await stopToStart(context, id, options)
  try {
    await options.start(id)
  } catch (error) {
    if (config.autoRemove && EngineError.from(error).code !== 'notModified')
      await removeContainer(context, id, { force: true, volumes: true }).catch(() => undefined)
    throw error
  }
  publishContainer(context, currentContainer(context.containers, id), 'restart')
}

async function stopToStart(context: ServiceContext, id: string, options: StopOptions): Promise<void> {
  // Its exit removes nothing then; the start forgets the mark.
  const mark = (isBeingReplaced: boolean) =>
    context.locks.withLock(id, () => putState(context, currentContainer(context.containers, id), { isBeingReplaced }))
  await mark(true)
  try {
    await stopContainer(context, id, options)
  } catch (error) {
    // One that ended by itself meanwhile is started all the same.
    if (EngineError.from(error).code === 'notModified') return
    await mark(false)
    throw error
  }
}
