/**
 * Volumes that are being given to a container, or taken away, while no record says so yet. Whoever finds one unused and
 * marks it as going does both in one turn of the event loop, and so does whoever claims one and uses it.
 */
export interface VolumeClaims {
  /** Does work that claims volumes by name; they are let go with its end. */
  during<T>(work: (claim: (name: string) => void) => Promise<T>): Promise<T>
  /** How many pieces of work have claimed it. */
  count(name: string): number
  /** Takes a volume away: it is going until the work is over. */
  take<T>(name: string, work: () => Promise<T>): Promise<T>
  /** Waits for a removal that is under way. */
  settled(name: string): Promise<void>
}

/** Claims that live as long as the engine. */
export function createVolumeClaims(): VolumeClaims {
  const counts = new Map<string, number>()
  const going = new Map<string, Promise<unknown>>()
  const add = (name: string, by: 1 | -1) => {
    const count = (counts.get(name) ?? 0) + by
    if (count === 0) counts.delete(name)
    else counts.set(name, count)
  }
  return {
    async during(work) {
      const own = new Set<string>()
      try {
        return await work((name) => {
          if (!own.has(name)) add(name, 1)
          own.add(name)
        })
      } finally {
        for (const name of own) add(name, -1)
      }
    },
    count: (name) => counts.get(name) ?? 0,
    async take(name, work) {
      const taking = work()
      const over = taking.then(
        () => undefined,
        () => undefined,
      )
      going.set(name, over)
      try {
        return await taking
      } finally {
        if (going.get(name) === over) going.delete(name)
      }
    },
    async settled(name) {
      await going.get(name)
    },
  }
}
