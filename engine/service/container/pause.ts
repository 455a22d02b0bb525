import { EngineError } from '../../contract/errors.ts'
import type { ServiceContext } from '../context.ts'
import { currentContainer, findContainer } from './find.ts'
import { publishContainer, putState } from './update-state.ts'

/** Freezes every process of a running container. */
export async function pauseContainer(context: ServiceContext, ref: string): Promise<void> {
  await change(context, ref, {
    from: 'running',
    to: 'paused',
    action: 'pause',
    work: (id) => context.runtime.pause(id),
  })
}

/** Lets a paused container go on. */
export async function unpauseContainer(context: ServiceContext, ref: string): Promise<void> {
  await change(context, ref, {
    from: 'paused',
    to: 'running',
    action: 'unpause',
    work: (id) => context.runtime.resume(id),
  })
}

async function change(
  context: ServiceContext,
  ref: string,
  move: { from: 'running' | 'paused'; to: 'running' | 'paused'; action: string; work: (id: string) => Promise<void> },
): Promise<void> {
  const { id } = findContainer(context.containers, ref)
  await context.locks.withLock(id, async () => {
    const record = currentContainer(context.containers, id)
    if (record.state.status !== move.from) {
      throw new EngineError(
        'conflict',
        'container.state',
        `container "${record.name}" is ${record.state.status}, not ${move.from}`,
        {
          details: { from: record.state.status, to: move.to, name: record.name },
        },
      )
    }
    await move.work(id)
    publishContainer(context, await putState(context, record, { status: move.to }), move.action)
  })
}
