/*
 * Docker's multiplexed stream, one frame:
 *
 *   1 byte   0 stdin, 1 stdout, 2 stderr
 *   3 bytes  zero
 *   4 bytes  length of what follows, big-endian
 */
const HEADER_BYTES = 8

/** A frame of the multiplexed stream. */
export function encodeStdcopy(stream: 'stdout' | 'stderr', data: Uint8Array): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + data.length)
  frame[0] = stream === 'stdout' ? 1 : 2
  frame.writeUInt32BE(data.length, 4)
  frame.set(data, HEADER_BYTES)
  return frame
}
