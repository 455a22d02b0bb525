import { EngineError, type WireError } from '../contract/errors.ts'
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
 *
 * A window has no credit to keep to: a frame that the procedure does not take, or one more than may wait, ends the stream.
 */
const HIGH_WATER = 100_000
const LOW_WATER = 5_000
/** What may wait of a window: a program that reads nothing must not fill the memory of the engine. */
const MOST_WAITING_BYTES = 16 * 1024 * 1024
/** What a frame takes beside its data. */
const FRAME_BYTES = 1024

/** The few calls of a MessagePortMain in use. */
export interface ServerPort {
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): unknown
  on(event: 'close', listener: () => void): unknown
  start(): void
  postMessage(message: unknown): void
  close(): void
}

export interface StreamWork {
  readonly produce: (context: {
    readonly signal: AbortSignal
    readonly up: AsyncIterable<unknown>
  }) => AsyncIterable<unknown>
  /** Checks a frame of the window and answers what is handed on; what it throws ends the stream. */
  readonly accept: (frame: unknown) => unknown
}

/** Runs a producer against a port until it ends, fails, or the port closes. Resolves once the producer has ended. */
export function serveStream(port: ServerPort, { produce, accept }: StreamWork): Promise<void> {
  const stop = new AbortController()
  const up = createUpQueue()
  let unacknowledged = 0
  let wake: (() => void) | undefined
  let isOver = false
  const cancel = () => {
    isOver = true
    stop.abort()
    up.end()
    wake?.()
  }
  const finish = (last: { readonly t: 'end' } | { readonly t: 'error'; readonly e: WireError }) => {
    if (isOver) return
    isOver = true
    up.end()
    port.postMessage(last)
    port.close()
  }
  const fail = (error: unknown) => finish({ t: 'error', e: EngineError.from(error).toWire() })

  port.on('message', ({ data }) => {
    const frame = data as { t?: unknown; v?: unknown; n?: unknown }
    if (isOver) return
    if (frame?.t === 'ack' && typeof frame.n === 'number') {
      unacknowledged = Math.max(0, unacknowledged - frame.n)
      if (unacknowledged < LOW_WATER) wake?.()
    } else if (frame?.t === 'data') {
      try {
        up.push(accept(frame.v))
      } catch (error) {
        fail(error)
        cancel()
      }
    }
  })
  port.on('close', cancel)
  port.start()

  const pump = async () => {
    for await (const value of produce({ signal: stop.signal, up: up.frames })) {
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
  return pump().then(() => finish({ t: 'end' }), fail)
}

/** The frames of a window that nobody has taken yet, and no more of them than fit. */
function createUpQueue() {
  const queue = createPushQueue<{ readonly frame: unknown; readonly bytes: number }>()
  let waiting = 0
  return {
    end: () => queue.end(),
    push(frame: unknown) {
      const bytes = bytesOf(frame)
      // The one frame that there is may have any size: it is in memory by now.
      if (waiting > 0 && waiting + bytes > MOST_WAITING_BYTES) {
        throw new EngineError(
          'unavailable',
          'stream.not-read',
          'nothing reads what was sent: more than 16 MiB wait; open it again, and send what its program takes',
        )
      }
      waiting += bytes
      queue.push({ frame, bytes })
    },
    frames: {
      async *[Symbol.asyncIterator]() {
        for await (const { frame, bytes } of queue) {
          waiting -= bytes
          yield frame
        }
      },
    },
  }
}

/** A view holds the whole of the buffer that it looks into. */
function bytesOf(frame: unknown): number {
  const data = (frame as { data?: unknown } | null)?.data
  return FRAME_BYTES + (data instanceof Uint8Array ? data.buffer.byteLength : 0)
}
