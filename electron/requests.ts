import type { DesktopRequest } from '../engine/contract/desktop.ts'
import { createPushQueue } from '../engine/lib/async.ts'

/** What the desktop asks of the window; it waits until a window listens. */
export interface Requests {
  send(request: DesktopRequest): void
  /** Whether a window listens now. */
  isHeard(): boolean
  /** What a window hears until `signal`. A newer listener takes the place of an older one. */
  listen(signal: AbortSignal): AsyncIterable<DesktopRequest>
}

/** At most this many wait; older ones are dropped, since a window that never comes reads none of them. */
const WAITING = 100

export function createRequests(): Requests {
  let waiting: DesktopRequest[] = []
  let current: ReturnType<typeof createPushQueue<DesktopRequest>> | undefined
  return {
    send(request) {
      if (current) current.push(request)
      // A window that comes later reads everything anew.
      else if (request.type !== 'changed') waiting = [...waiting, request].slice(-WAITING)
    },
    isHeard: () => current !== undefined,
    listen(signal) {
      const queue = createPushQueue<DesktopRequest>()
      current?.end()
      current = queue
      for (const request of waiting) queue.push(request)
      waiting = []
      signal.addEventListener(
        'abort',
        () => {
          queue.end()
          if (current === queue) current = undefined
        },
        { once: true },
      )
      return queue
    },
  }
}
