import type { EngineEvent } from '../../engine/contract/system.ts'
import { api } from '../api/client.ts'
import { queryClient } from './queries.ts'

/** Which reads a fact makes stale. Images, volumes and networks say who uses them, so containers concern them too. */
const INVALIDATES: Readonly<Record<EngineEvent['type'], readonly string[]>> = {
  container: ['container', 'image', 'volume', 'network'],
  image: ['image', 'disk'],
  volume: ['volume', 'disk'],
  network: ['network'],
  engine: ['system'],
  client: ['docker'],
}
/** What clients do with a container, and it stays as it is. A script that runs one exec after the other must not have lists read for each. */
const CHANGES_NOTHING = /^(exec_|attach$|detach$|resize$|top$)/
const RETRY_MS = 500

/** Follows the engine's events for as long as the window lives; they alone move the screen. */
export async function followEvents(): Promise<never> {
  for (;;) {
    try {
      const events = api.system.events({})
      void queryClient.invalidateQueries()
      for await (const event of events) {
        for (const noun of staleAfter(event)) void queryClient.invalidateQueries({ queryKey: [noun] })
      }
    } catch {
      // The stream broke: begin again, and take everything as stale.
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}

/** The nouns whose reads an event makes stale. */
export const staleAfter = ({ type, action }: Pick<EngineEvent, 'type' | 'action'>): readonly string[] =>
  type === 'container' && CHANGES_NOTHING.test(action) ? [] : INVALIDATES[type]
