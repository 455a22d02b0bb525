import { EngineError } from '../../contract/errors.ts'
import type { RecordStore } from '../../store/records.ts'
import type { ContainerRecord } from '../../store/schema.ts'

/** A container by id, name (a leading `/` is fine) or unique prefix of its id. */
export function findContainer(store: RecordStore<ContainerRecord>, ref: string): ContainerRecord {
  const exact = store.get(ref)
  if (exact) return exact
  const name = ref.replace(/^\//, '')
  const all = store.list()
  const named = all.find((record) => record.name === name)
  if (named) return named
  const matches = /^[0-9a-f]+$/.test(ref) ? all.filter((record) => record.id.startsWith(ref)) : []
  const [match, second] = matches
  if (second)
    throw new EngineError('invalidArgument', 'container.ambiguous', `multiple IDs found with provided prefix: ${ref}`)
  if (!match)
    throw new EngineError('notFound', 'container.not-found', `No such container: ${ref}`, {
      details: { container: ref },
    })
  return match
}

/** The record as it is now; gone is `notFound`. Use after taking the lock. */
export function currentContainer(store: RecordStore<ContainerRecord>, id: string): ContainerRecord {
  const record = store.get(id)
  if (!record)
    throw new EngineError('notFound', 'container.not-found', `No such container: ${id}`, { details: { container: id } })
  return record
}

/** Refuses a name that another container has. */
export function assertNameFree(store: RecordStore<ContainerRecord>, name: string, ownId = ''): void {
  const holder = store.list().find((record) => record.name === name && record.id !== ownId)
  if (!holder) return
  throw new EngineError(
    'conflict',
    'container.name-in-use',
    `Conflict. The container name "/${name}" is already in use by container "${holder.id}". You have to remove (or rename) that container to be able to reuse that name.`,
    { details: { name, container: holder.id } },
  )
}
