import type { EngineEvent } from '../../engine/contract/system.ts'
import { api } from '../api/client.ts'
import { queryClient } from './queries.ts'

/** Which reads a fact makes stale. Images, volumes and networks say who uses them, so containers concern them too. */
const INVALIDATES: Readonly<Record<EngineEvent['type'], readonly string[]>> = {
  container: ['container', 'image', 'volume', 'network'],
  image: ['image', 'disk'],
  volume: ['volume', 'disk'],
  network: ['network'],
  builder: [],
  engine: ['system'],
  client: ['docker'],
}
/** What clients do with a container, and it stays as it is. A script that runs one exec after the other must not have lists read for each. */
const CHANGES_NOTHING: Readonly<Partial<Record<EngineEvent['type'], RegExp>>> = {
  container: /^(exec_|attach$|detach$|resize$|top$|prune$)/,
  // Who uses a volume is said by the container; what a prune took, by what went.
  volume: /^(mount|unmount|prune)$/,
  image: /^(save|prune)$/,
  network: /^prune$/,
}
const RETRY_MS = 500
/** A start and an end are told by several events at once: their nouns are read once. */
const GATHER_MS = 10

/** Takes nouns and hands on each once, a moment later. */
export function gather(handOn: (noun: string) => void): (nouns: readonly string[]) => void {
  const waiting = new Set<string>()
  return (nouns) => {
    if (waiting.size === 0 && nouns.length > 0)
      setTimeout(() => {
        const now = [...waiting]
        waiting.clear()
        for (const noun of now) handOn(noun)
      }, GATHER_MS)
    for (const noun of nouns) waiting.add(noun)
  }
}

/** Follows the engine's events for as long as the window lives; they alone move the screen. */
export async function followEvents(): Promise<never> {
  const invalidate = gather((noun) => void queryClient.invalidateQueries({ queryKey: [noun] }))
  for (;;) {
    try {
      const events = api.system.events({})
      void queryClient.invalidateQueries()
      for await (const event of events) invalidate(staleAfter(event))
    } catch {
      // The stream broke: begin again, and take everything as stale.
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

/** The nouns whose reads an event makes stale. */
export const staleAfter = ({ type, action }: Pick<EngineEvent, 'type' | 'action'>): readonly string[] =>
  CHANGES_NOTHING[type]?.test(action) ? [] : INVALIDATES[type]
