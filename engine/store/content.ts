import type { Locks } from '../lib/async.ts'

/** What images are made of on disk: an unpacked layer by its chain id, a blob by its digest. */
export type ContentKey = `layer:${string}` | `blob:${string}`

/**
 * Keeps content alive while an import or a pull makes an image of it. Whoever reads a record that names content and
 * wants to use it calls `hold` in the same turn of the event loop, so that no removal comes in between.
 */
export interface Lease {
  hold(...keys: readonly ContentKey[]): void
  /** Holds a key and works on it alone: who comes second waits and finds what the first has made. */
  obtain<T>(key: ContentKey, signal: AbortSignal, work: () => Promise<T>): Promise<T>
  /** Lets go; what no record and no other lease names is removed. */
  release(): Promise<void>
}

export interface ContentStore {
  open(): Lease
  /** Removes those that nothing names; answers which. */
  collect(keys: Iterable<ContentKey>): Promise<ContentKey[]>
  isHeld(key: ContentKey): boolean
  /** Leases that are open now. */
  readonly leaseCount: number
}

/** Counts leases in memory: after a crash none is left, and a sweep at the next start removes what was half-made. */
export function createContentStore(options: {
  readonly locks: Locks
  /** Those of these that a record on disk names. */
  readonly namedOf: (keys: ReadonlySet<ContentKey>) => ReadonlySet<ContentKey>
  readonly remove: (key: ContentKey) => Promise<void>
  readonly onFailure: (key: ContentKey, error: unknown) => void
  /** Told in the turn in which the last open lease has ended: nobody has half-made things of a name of their own now. */
  readonly onIdle?: () => void
}): ContentStore {
  const { locks, namedOf, remove } = options
  const holders = new Map<ContentKey, number>()
  let leaseCount = 0

  const collect = async (keys: Iterable<ContentKey>) => {
    const removed: ContentKey[] = []
    // One look serves for all that stay, which most do. Whoever takes the last name of one away later collects it.
    const wanted = new Set(keys)
    const named = namedOf(wanted)
    for (const key of wanted) {
      // What is held is not waited for: its holder collects it when it lets go.
      if (holders.has(key) || named.has(key)) continue
      await locks
        .withLock(key, async () => {
          if (holders.has(key) || namedOf(new Set([key])).size > 0) return
          await remove(key)
          removed.push(key)
        })
        .catch((error: unknown) => options.onFailure(key, error))
    }
    return removed
  }

  const open = (): Lease => {
    const held = new Set<ContentKey>()
    leaseCount += 1
    let isOpen = true
    const hold = (key: ContentKey) => {
      if (held.has(key)) return
      held.add(key)
      holders.set(key, (holders.get(key) ?? 0) + 1)
    }
    return {
      hold: (...keys) => keys.forEach(hold),
      obtain(key, signal, work) {
        hold(key)
        return withLockOrAbort(locks, { key, signal }, work)
      },
      async release() {
        if (!isOpen) return
        isOpen = false
        leaseCount -= 1
        for (const key of held) {
          const count = (holders.get(key) ?? 1) - 1
          if (count === 0) holders.delete(key)
          else holders.set(key, count)
        }
        await collect(held)
        if (leaseCount === 0) options.onIdle?.()
      },
    }
  }

  return {
    open,
    collect,
    isHeld: (key) => holders.has(key),
    get leaseCount() {
      return leaseCount
    },
  }
}

/** A turn that is given up when the signal fires before it has come; work that has begun ends by itself. */
function withLockOrAbort<T>(
  locks: Locks,
  { key, signal }: { readonly key: string; readonly signal: AbortSignal },
  work: () => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason)
    if (signal.aborted) return giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
    const turn = async () => {
      signal.removeEventListener('abort', giveUp)
      signal.throwIfAborted()
      return work()
    }
    locks.withLock(key, turn).then(resolve, reject)
  })
}
