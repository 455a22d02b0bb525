import type { DesktopRequest } from '../engine/contract/desktop.ts'

/** What the desktop asks of the window; it waits until a window listens. */
export interface Requests {
  send(request: DesktopRequest): void
  /** Whether a window listens now. */
  isHeard(): boolean
  /** What a window hears until `signal`. A newer listener takes the place of an older one, and hears what that had not taken yet. */
  listen(signal: AbortSignal): AsyncIterable<DesktopRequest>
}

/** At most this many wait; older ones are dropped, since a window that never comes reads none of them. */
const WAITING = 100

export function createRequests(): Requests {
  let waiting: DesktopRequest[] = []
  let current: { wake(): void } | undefined
  return {
    send(request) {
      if (current) {
        waiting.push(request)
        current.wake()
        // A window that comes later reads everything anew.
      } else if (request.type !== 'changed') waiting = [...waiting, request].slice(-WAITING)
    },
    isHeard: () => current !== undefined,
    listen(signal) {
      const mine = { wake: () => {} }
      if (!signal.aborted) {
        const older = current
        current = mine
        older?.wake()
      }
      signal.addEventListener(
        'abort',
        () => {
          if (current === mine) current = undefined
          mine.wake()
        },
        { once: true },
      )
      return (async function* () {
        while (current === mine) {
          const request = waiting.shift()
          if (request) yield request
          else
            await new Promise<void>((resolve) => {
              mine.wake = resolve
            })
        }
      })()
    },
  }
}
