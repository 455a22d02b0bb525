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
  const duplex = new Duplex({
    readableObjectMode: true,
    writableHighWaterMark: WINDOW_BYTES,
    readableHighWaterMark: 16,
    read() {},
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
      if (kind === FRAME.data) {
        duplex.push(payload)
        const size = Buffer.alloc(4)
        size.writeUInt32BE(payload.length)
        const acknowledge = () => send(FRAME.ack, size)
        if (duplex.readableLength < 64) acknowledge()
        else duplex.once('resume', acknowledge)
      } else if (kind === FRAME.ack) {
        inFlight -= payload.readUInt32BE(0)
        if (inFlight < WINDOW_BYTES && blocked) {
          const resume = blocked
          blocked = undefined
          resume()
        }
      } else if (kind === FRAME.end) duplex.push(null)
      else if (kind === FRAME.close) duplex.destroy()
    },
  }
}
