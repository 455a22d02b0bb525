import { EngineError } from '../contract/errors.ts'
import type { EngineEvent } from '../contract/system.ts'
import { createPushQueue } from '../lib/async.ts'

const MAX_PENDING = 10_000
/** As many as dockerd remembers. */
const MAX_REMEMBERED = 256

/** Says what happened, to whoever listens. Published after the store has committed; nothing in the engine reacts to it. */
export interface EventBus {
  publish(event: Pick<EngineEvent, 'type' | 'action' | 'id'> & { readonly attributes?: Record<string, string> }): void
  /** Every event from now on. Ends with `unavailable` when the listener falls 10,000 behind. */
  subscribe(signal: AbortSignal): AsyncIterable<EngineEvent>
  /** The last 256 events, oldest first; with a `subscribe` in the same turn nothing is missed and nothing comes twice. */
  recent(): readonly EngineEvent[]
}

/** The engine's one bus. `now` gives the time of an event. */
export function createEventBus(now: () => Date): EventBus {
  const listeners = new Set<(event: EngineEvent) => void>()
  const remembered: EngineEvent[] = []
  let sequence = 0
  return {
    recent: () => [...remembered],
    publish({ type, action, id, attributes = {} }) {
      sequence += 1
      const event: EngineEvent = { sequence, time: now().toISOString(), type, action, id, attributes }
      remembered.push(event)
      if (remembered.length > MAX_REMEMBERED) remembered.shift()
      for (const listener of listeners) listener(event)
    },
    subscribe(signal) {
      const queue = createPushQueue<EngineEvent>()
      const listener = (event: EngineEvent) => {
        if (queue.size >= MAX_PENDING) {
          queue.fail(
            new EngineError('unavailable', 'events.overflow', 'the listener fell too far behind; subscribe again'),
          )
        } else queue.push(event)
      }
      listeners.add(listener)
      const leave = () => {
        // A listener that never listened has no end of its own.
        listeners.delete(listener)
        queue.end()
      }
      if (signal.aborted) leave()
      signal.addEventListener('abort', leave, { once: true })
      return (async function* () {
        try {
          yield* queue
        } finally {
          listeners.delete(listener)
          signal.removeEventListener('abort', leave)
        }
      })()
    },
  }
}
