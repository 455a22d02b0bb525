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
const RETRY_MS = 500

/** Follows the engine's events for as long as the window lives; they alone move the screen. */
export async function followEvents(): Promise<never> {
  for (;;) {
    try {
      const events = api.system.events({})
      void queryClient.invalidateQueries()
      for await (const event of events) {
        for (const noun of INVALIDATES[event.type]) void queryClient.invalidateQueries({ queryKey: [noun] })
      }
    } catch {
      // The stream broke: begin again, and take everything as stale.
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
}
