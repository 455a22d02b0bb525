import type { Change, Condition, Store } from './etcd.ts'
import { addressKey, type ClusterEndpoint, endpointKey, networkKey } from './layout.ts'
import { createSnapshot, type Holding, type Snapshot } from './snapshot.ts'

const TRIES = 3

/** A container of this host on a network. */
export interface OwnEndpoint extends Omit<ClusterEndpoint, 'host'> {
  readonly network: string
  readonly container: string
}

/** What became of an endpoint that was put into the store. */
export type Placed = 'placed' | 'address-taken' | 'network-gone'

/** With the addresses that others have. */
export interface Placement {
  readonly placed: Placed
  readonly taken: readonly string[]
}

interface Place {
  readonly store: Store
  readonly snapshot: Snapshot
  readonly hostId: string
  readonly lease: string
}

/**
 * Puts an endpoint and its addresses under a lease, in one transaction: an address must be nobody's, or this container's
 * from before. So two hosts cannot give out the same one, however old what they know is.
 */
export async function place({ store, snapshot, hostId, lease }: Place, endpoint: OwnEndpoint): Promise<Placement> {
  const { network, container, ...facts } = endpoint
  const addresses = [facts.ipv4, facts.ipv6].filter(Boolean)
  const value = JSON.stringify({ host: hostId, container })
  const changes: Change[] = [
    ...addresses.map((address) => ({ put: addressKey(network, address), value, lease })),
    { put: endpointKey(network, container), value: JSON.stringify({ host: hostId, ...facts }), lease },
  ]
  let known = snapshot
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const mine = new Map(ofContainer(known.holdings(hostId), endpoint).map(({ key, revision }) => [key, revision]))
    const conditions = addresses.map((address): Condition => {
      const key = addressKey(network, address)
      const revision = mine.get(key)
      return revision ? { key, revision } : { key, is: 'absent' }
    })
    const revision = await store.change([{ key: networkKey(network), is: 'present' }, ...conditions], changes)
    if (revision) {
      for (const change of changes)
        if ('put' in change) snapshot.put({ key: change.put, value: change.value, revision })
      return { placed: 'placed', taken: [] }
    }
    // What we knew was old, or it cannot be: the store itself tells which.
    known = await fresh(store, [networkKey(network), ...addresses.map((address) => addressKey(network, address))])
    if (known.revisionOf(networkKey(network)) === '0') return { placed: 'network-gone', taken: [] }
    const own = new Set(ofContainer(known.holdings(hostId), endpoint).map(({ key }) => key))
    const isOthers = (key: string) => known.revisionOf(key) !== '0' && !own.has(key)
    const taken = addresses.filter((address) => isOthers(addressKey(network, address)))
    if (taken.length > 0) return { placed: 'address-taken', taken }
  }
  return { placed: 'address-taken', taken: addresses }
}

const ofContainer = (holdings: readonly Holding[], { network, container }: OwnEndpoint) =>
  holdings.filter((one) => one.network === network && one.container === container)

/** Takes keys of this host away, unless they have become another's. */
export async function take(
  { store, snapshot }: Pick<Place, 'store' | 'snapshot'>,
  held: readonly Holding[],
): Promise<void> {
  await Promise.all(
    held.map(async ({ key, host, revision }) => {
      const isDone = await store.change([{ key, revision }], [{ delete: key }])
      if (!isDone) {
        const [now] = (await fresh(store, [key])).holdings(host)
        if (now) await store.change([{ key, revision: now.revision }], [{ delete: key }])
      }
      snapshot.delete(key)
    }),
  )
}

/** What the store has of some keys at this moment. A value that is not understood counts as nobody's we know. */
async function fresh(store: Store, keys: readonly string[]): Promise<Snapshot> {
  const found = await Promise.all(keys.map((key) => store.read(key)))
  const snapshot = createSnapshot(() => {})
  for (const one of found.flatMap(({ all }) => all)) if (keys.includes(one.key)) snapshot.put(one)
  return snapshot
}
