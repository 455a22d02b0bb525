import { EngineError } from '../../contract/errors.ts'
import type { ServiceContext } from '../context.ts'
import { currentContainer, findContainer } from './find.ts'
import { removeContainer } from './remove.ts'
import { goesOn } from './state.ts'
import { type StopOptions, stopForLater } from './stop.ts'
import { publishContainer } from './update-state.ts'

/** Stops, if it runs, and starts again, also one that is removed when it stops: that one goes if it does not start. */
export async function restartContainer(
  context: ServiceContext,
  ref: string,
  options: StopOptions & { readonly start: (id: string) => Promise<void> },
): Promise<void> {
  const { id, config, state } = findContainer(context.containers, ref)
  if (goesOn(state.status)) await stopForLater(context, id, options)
  try {
    await options.start(id)
  } catch (error) {
    if (config.autoRemove && EngineError.from(error).code !== 'notModified')
      await removeContainer(context, id, { force: true, volumes: true }).catch(() => undefined)
    throw error
  }
  publishContainer(context, currentContainer(context.containers, id), 'restart')
}
