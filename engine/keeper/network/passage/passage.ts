import { createTurns } from '../../../lib/async.ts'

/*
 * A packet passes only if every table lets it, and other programs' firewalls drop or reject what they do not know
 * whatever our tables say. Where one does, it is told of our bridges in its own way, and again after it has started or
 * loaded its rules anew; where none does, nothing is written.
 */

/** Programs change many rules in a row. */
const SETTLE_MS = 200

/** Another program's firewall, there or not. */
export interface OtherFirewall {
  /** Makes it let pass what is about these bridges of ours and no others; answers whether it would stop them otherwise. */
  settle(bridges: readonly string[]): Promise<boolean>
}

/** The way of our bridges' packets past other programs' firewalls. */
export interface Passage {
  /** Sets which bridges are ours. */
  setBridges(bridges: readonly string[]): Promise<void>
  /** To be told that somebody has changed rules: looks again as soon as they are done. */
  look(): void
  /** Takes away what was added. */
  remove(): Promise<void>
}

/** Creates it for the firewalls that may be there. */
export function createPassage(firewalls: readonly OtherFirewall[]): Passage {
  let bridges: readonly string[] = []
  /** The bridges that the firewalls know of, as far as we know. */
  let known = ''
  /** Those that may have something to do: all at first, afterwards those that would stop us. */
  let concerned = firewalls
  let timer: NodeJS.Timeout | undefined
  const inTurn = createTurns()
  const apply = async (asked: readonly OtherFirewall[], wanted: readonly string[]) => {
    const answers = await Promise.all(asked.map(async (one) => ((await one.settle(wanted)) ? [one] : [])))
    concerned = answers.flat()
  }
  return {
    setBridges: (now) =>
      inTurn(async () => {
        bridges = now
        if (known === now.join()) return
        await apply(concerned, bridges)
        known = now.join()
      }),
    look() {
      timer ??= setTimeout(() => {
        timer = undefined
        void inTurn(() => apply(firewalls, bridges)).catch(() => {
          // Somebody held a tool's lock: the next change of ours tries again.
          known = ''
          concerned = firewalls
        })
      }, SETTLE_MS)
      timer.unref()
    },
    remove: () => {
      clearTimeout(timer)
      return inTurn(() => apply(firewalls, []))
    },
  }
}
