import { Duplex } from 'node:stream'
import { FRAME, type FrameKind } from './frames.ts'

const WINDOW_BYTES = 1024 * 1024

/** One end of a stream over the keeper's socket: a chunk is a frame, both ways, with a window of 1 MiB. */
export interface ByteChannel {
  readonly duplex: Duplex
  /** Takes a frame that came for this stream. */
  receive(kind: number, payload: Buffer): void
}

/** Makes an end; `send` writes a frame of this stream, `onClosed` is told once it is gone. */
export function createByteChannel(
  send: (kind: FrameKind, payload?: Uint8Array) => void,
  onClosed: () => void,
): ByteChannel {
  let inFlight = 0
  let blocked: (() => void) | undefined
  let isWanted = false
  /** What came and is not wanted yet: a window at most. `null` is the end. */
  const waiting: (Buffer | null)[] = []
  const hand = () => {
    while (isWanted && waiting.length > 0) {
      const chunk = waiting.shift() as Buffer | null
      isWanted = duplex.push(chunk)
      if (chunk === null) return
      // Acknowledged once it is taken, so that a reader who waits holds the sender back.
      const size = Buffer.alloc(4)
      size.writeUInt32BE(chunk.length)
      send(FRAME.ack, size)
    }
  }
  const duplex = new Duplex({
    readableObjectMode: true,
    writableHighWaterMark: WINDOW_BYTES,
    readableHighWaterMark: 16,
    read() {
      isWanted = true
      hand()
    },
    write(chunk: Buffer, _encoding, done) {
      send(FRAME.data, chunk)
      inFlight += chunk.length
      if (inFlight < WINDOW_BYTES) done()
      else blocked = () => done()
    },
    final(done) {
      send(FRAME.end)
      done()
    },
    destroy(error, done) {
      send(FRAME.close)
      onClosed()
      done(error)
    },
  })
  return {
    duplex,
    receive(kind, payload) {
      if (kind === FRAME.data || kind === FRAME.end) {
        waiting.push(kind === FRAME.end ? null : payload)
        hand()
      } else if (kind === FRAME.ack) {
        inFlight -= payload.readUInt32BE(0)
        if (inFlight < WINDOW_BYTES && blocked) {
          const resume = blocked
          blocked = undefined
          resume()
        }
      } else if (kind === FRAME.close) duplex.destroy()
    },
  }
}
