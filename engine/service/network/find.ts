import { EngineError } from '../../contract/errors.ts'
import { PREDEFINED_NETWORKS } from '../../contract/network.ts'
import type { RecordStore } from '../../store/records.ts'
import type { NetworkRecord } from '../../store/schema.ts'

/** A network by name, id or unique prefix of its id. `default` is the default bridge. */
export function findNetwork(store: RecordStore<NetworkRecord>, ref: string): NetworkRecord {
  const named = store.get(ref === 'default' ? 'bridge' : ref)
  if (named) return named
  const matches = /^[0-9a-f]+$/.test(ref) ? store.list().filter(({ id }) => id.startsWith(ref)) : []
  const [match, second] = matches
  if (second) throw new EngineError('invalidArgument', 'network.ambiguous', `network ${ref} is ambiguous`)
  if (match) return match
  throw new EngineError('notFound', 'network.not-found', `network ${ref} not found`, { details: { network: ref } })
}

/** Refuses to change a network that is always there. */
export function assertChangeable(name: string): void {
  if (!PREDEFINED_NETWORKS.includes(name)) return
  throw new EngineError('forbidden', 'network.predefined', `operation is not permitted on predefined ${name} network`)
}
