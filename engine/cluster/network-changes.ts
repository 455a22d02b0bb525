import { randomBytes } from 'node:crypto'
import { EngineError } from '../contract/errors.ts'
import type { Change, Condition, Store } from './etcd.ts'
import {
  addressKey,
  type ClusterNetwork,
  ENCRYPTION_KEY,
  endpointKey,
  GUARD_KEY,
  networkKey,
  PREFIX,
} from './layout.ts'
import { createSnapshot, type KeyValue } from './snapshot.ts'

const TRIES = 20

/**
 * Adds a network. Name, VNI and subnets are planned in knowledge of every other network, and only go in if none was
 * added or removed meanwhile: all who add or remove touch one key.
 */
export async function addNetwork(
  store: Store,
  plan: (known: readonly ClusterNetwork[]) => ClusterNetwork,
): Promise<{ network: ClusterNetwork; kept: KeyValue[] }> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const { all } = await store.read(PREFIX)
    const known = createSnapshot(() => {})
    for (const one of all) known.put(one)
    const network = plan(known.networks())
    // One that was lost and that another host has put back already.
    if (known.network(network.id)) return { network, kept: [] }
    const touched = known.revisionOf(GUARD_KEY)
    const conditions: Condition[] = [
      touched === '0' ? { key: GUARD_KEY, is: 'absent' } : { key: GUARD_KEY, revision: touched },
      { key: networkKey(network.id), is: 'absent' },
    ]
    const changes: Change[] = [
      { put: GUARD_KEY, value: network.id },
      { put: networkKey(network.id), value: JSON.stringify(network) },
    ]
    if (network.isEncrypted && known.encryptionKey() === '')
      changes.push({ put: ENCRYPTION_KEY, value: randomBytes(32).toString('hex') })
    const revision = await store.change(conditions, changes)
    if (revision)
      return {
        network,
        kept: changes.flatMap((change) =>
          'put' in change ? [{ key: change.put, value: change.value, revision }] : [],
        ),
      }
  }
  throw new EngineError('conflict', 'cluster.busy', 'other hosts keep changing the networks of the cluster; try again')
}

/** Removes a network that nobody has a place on; otherwise answers with who has. One that is gone is fine. */
export async function removeNetwork(store: Store, id: string): Promise<readonly string[]> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const [network, addresses, endpoints] = await Promise.all([
      store.read(networkKey(id)),
      store.read(addressKey(id, '')),
      store.read(endpointKey(id, '')),
    ])
    const [{ revision } = { revision: '' }] = network.all
    if (revision === '') return []
    const left = (endpoints.all.length > 0 ? endpoints : addresses).all.map(({ key, value }) => nameOf(value) || key)
    if (left.length > 0) return [...new Set(left)]
    const conditions: Condition[] = [
      { key: networkKey(id), revision },
      { prefix: addressKey(id, ''), is: 'absent' },
      { prefix: endpointKey(id, ''), is: 'absent' },
    ]
    if (await store.change(conditions, [{ delete: networkKey(id) }, { put: GUARD_KEY, value: id }])) return []
  }
  throw new EngineError('conflict', 'cluster.busy', 'other hosts keep changing the networks of the cluster; try again')
}

/** The name in an endpoint's value, or the container of an address's. */
function nameOf(value: string): string {
  try {
    const { name, container } = JSON.parse(value) as { name?: unknown; container?: unknown }
    return typeof name === 'string' ? name : typeof container === 'string' ? container.slice(0, 12) : ''
  } catch {
    return ''
  }
}
