import { QueryClient, queryOptions } from '@tanstack/react-query'
import type { EngineEvent } from '../../engine/contract/system.ts'
import { api } from '../api/client.ts'

export const queryClient = new QueryClient({
  defaultOptions: { queries: { staleTime: Number.POSITIVE_INFINITY, retry: false } },
})
export const containerList = queryOptions({ queryKey: ['container', 'list'], queryFn: () => api.container.list({}) })
export const imageList = queryOptions({ queryKey: ['image', 'list'], queryFn: () => api.image.list({}) })
export const systemInfo = queryOptions({ queryKey: ['system', 'info'], queryFn: () => api.system.info({}) })

/** Which reads a fact makes stale. Images say who uses them, so containers concern them too. */
const INVALIDATES: Readonly<Record<EngineEvent['type'], readonly string[]>> = {
  container: ['container', 'image'],
  image: ['image'],
  volume: ['volume'],
  network: ['network'],
  engine: ['system'],
}

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
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
}
