import { EngineError } from '../contract/errors.ts'
import { unitsOf } from '../contract/units.ts'
import { createPushQueue } from '../lib/async.ts'

/*
 * One MessagePort a stream:
 *
 *   engine → window   {t:'data',v}  {t:'end'}  {t:'error',e}
 *   window → engine   {t:'data',v}  {t:'ack',n}
 *
 * Credit: the engine pauses above 100,000 unacknowledged units and goes on below 5,000. A frame's units are its bytes
 * (`data`), the characters of a batch of lines, or 1. Closing the port cancels.
 */
const HIGH_WATER = 100_000
const LOW_WATER = 5_000

/** The few calls of a MessagePortMain in use. */
export interface ServerPort {
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): unknown
  on(event: 'close', listener: () => void): unknown
  start(): void
  postMessage(message: unknown): void
  close(): void
}

type Produce = (context: {
  readonly signal: AbortSignal
  readonly up: AsyncIterable<unknown>
}) => AsyncIterable<unknown>

/** Runs a producer against a port until it ends, fails, or the port closes. */
export function serveStream(port: ServerPort, produce: Produce): void {
  const stop = new AbortController()
  const up = createPushQueue<unknown>()
  let unacknowledged = 0
  let wake: (() => void) | undefined

  port.on('message', ({ data }) => {
    const frame = data as { t?: unknown; v?: unknown; n?: unknown }
    if (frame?.t === 'ack' && typeof frame.n === 'number') {
      unacknowledged = Math.max(0, unacknowledged - frame.n)
      if (unacknowledged < LOW_WATER) wake?.()
    } else if (frame?.t === 'data') up.push(frame.v)
  })
  port.on('close', () => {
    stop.abort()
    up.end()
    wake?.()
  })
  port.start()

  const pump = async () => {
    for await (const value of produce({ signal: stop.signal, up })) {
      if (stop.signal.aborted) return
      port.postMessage({ t: 'data', v: value })
      unacknowledged += unitsOf(value)
      if (unacknowledged > HIGH_WATER) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        wake = undefined
      }
    }
  }
  pump()
    .then(
      () => ({ t: 'end' }) as const,
      (error: unknown) => ({ t: 'error', e: EngineError.from(error).toWire() }) as const,
    )
    .then((last) => {
      up.end()
      if (stop.signal.aborted) return
      port.postMessage(last)
      port.close()
    })
}
