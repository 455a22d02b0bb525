import { EngineError } from '../../contract/errors.ts'
import { validateName } from '../../lib/names.ts'
import type { ServiceContext } from '../context.ts'
import { refreshRenamed } from '../network/refresh.ts'
import { assertNameFree, currentContainer, findContainer } from './find.ts'
import { publishContainer } from './update-state.ts'

/** Gives a container another name. */
export async function renameContainer(context: ServiceContext, ref: string, wanted: string): Promise<void> {
  const { id } = findContainer(context.containers, ref)
  const name = wanted.replace(/^\//, '')
  if (name === '') throw new EngineError('invalidArgument', 'name.empty', 'Neither old nor new names may be empty')
  validateName(name, 'container name')
  await context.locks.withLock('containers', async () => {
    const { next, oldName } = await context.locks.withLock(id, async () => {
      const record = currentContainer(context.containers, id)
      if (record.name === name)
        throw new EngineError(
          'invalidArgument',
          'name.same',
          'Renaming a container with the same name as its current name',
        )
      assertNameFree(context.containers, name)
      const next = { ...record, name }
      await context.containers.put(next)
      return { next, oldName: record.name }
    })
    // Each container that links to it is changed under a lock of its own, never under two.
    await refreshRenamed(context, id, oldName)
    publishContainer(context, next, 'rename', { oldName: `/${oldName}` })
  })
}
