import { EngineError } from '../../contract/errors.ts'
import { validateName } from '../../lib/names.ts'
import type { ServiceContext } from '../context.ts'
import { refreshNames } from '../network/refresh.ts'
import { assertNameFree, currentContainer, findContainer } from './find.ts'
import { publishContainer } from './update-state.ts'

/** Gives a container another name. */
export async function renameContainer(context: ServiceContext, ref: string, wanted: string): Promise<void> {
  const { id } = findContainer(context.containers, ref)
  const name = wanted.replace(/^\//, '')
  if (name === '') throw new EngineError('invalidArgument', 'name.empty', 'Neither old nor new names may be empty')
  validateName(name, 'container name')
  await context.locks.withLock('containers', () =>
    context.locks.withLock(id, async () => {
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
      await refreshNames(
        context,
        next.endpoints.map(({ network }) => network),
        id,
      )
      publishContainer(context, next, 'rename', { oldName: `/${record.name}` })
    }),
  )
}
