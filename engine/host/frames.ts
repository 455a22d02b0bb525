import { EngineError } from '../contract/errors.ts'

/*
 * Frames on the keeper's socket:
 *
 *   ┌─────────────┬─────────┬───────────┬─────────────┐
 *   │ length  u32 │ kind u8 │  id  u32  │ payload     │   big-endian; length counts kind, id and payload
 *   └─────────────┴─────────┴───────────┴─────────────┘
 *
 *   client → keeper   call  {method,params}   open {method,params}   cancel
 *   keeper → client   result  error  progress  opened
 *   both ways         data (bytes)   ack (u32 bytes)   end   close
 */
export const FRAME = {
  call: 1,
  result: 2,
  error: 3,
  progress: 4,
  cancel: 5,
  open: 6,
  opened: 7,
  data: 8,
  ack: 9,
  end: 10,
  close: 11,
} as const
export type FrameKind = (typeof FRAME)[keyof typeof FRAME]

export interface Frame {
  readonly kind: number
  readonly id: number
  readonly payload: Buffer
}

const HEADER = 9
/** A longer frame is no frame of ours. */
export const MAX_FRAME_BYTES = 32 * 1024 * 1024

/** One frame as bytes. */
export function encodeFrame(kind: FrameKind, id: number, payload: Uint8Array | string = ''): Buffer {
  const body = typeof payload === 'string' ? Buffer.from(payload) : payload
  const frame = Buffer.allocUnsafe(HEADER + body.length)
  frame.writeUInt32BE(body.length + 5, 0)
  frame.writeUInt8(kind, 4)
  frame.writeUInt32BE(id, 5)
  frame.set(body, HEADER)
  return frame
}

/** Cuts a byte stream into frames. Throws on a length that no frame has. */
export function createFrameDecoder(): (chunk: Buffer) => Frame[] {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    const bytes = rest.length ? Buffer.concat([rest, chunk]) : chunk
    const frames: Frame[] = []
    let at = 0
    while (bytes.length - at >= 4) {
      const length = bytes.readUInt32BE(at)
      if (length < 5 || length > MAX_FRAME_BYTES) {
        throw new EngineError('internal', 'frame.invalid', `a frame of ${length} bytes is not one of ours`)
      }
      if (bytes.length - at < 4 + length) break
      frames.push({
        kind: bytes.readUInt8(at + 4),
        id: bytes.readUInt32BE(at + 5),
        payload: Buffer.from(bytes.subarray(at + HEADER, at + 4 + length)),
      })
      at += 4 + length
    }
    rest = bytes.subarray(at)
    return frames
  }
}
