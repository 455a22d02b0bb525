import { z } from 'zod'
import { stream } from './define.ts'

const MIB = 1024 * 1024

/** How far a capture has come. Frames come a few times a second; the last one says why it ended. */
export const CaptureProgress = z.object({
  /** `running`, or why it ended: asked to, the limit was reached, or the container or its interface went. */
  state: z.enum(['running', 'stopped', 'limit', 'gone']),
  packets: z.number().int(),
  /** Bytes in the file. */
  bytes: z.number().int(),
  /** Packets that the kernel had no room for, because nobody took them in time. */
  dropped: z.number().int(),
})
export type CaptureProgress = z.output<typeof CaptureProgress>

export const capture = {
  /**
   * Records an interface of a container into a .pcap file of this machine, which is replaced; leaving the stream, or
   * `stop`, ends it and keeps the file.
   */
  start: stream(
    z.object({
      container: z.string().min(1).max(255),
      /** As it is called inside: `eth0`, `lo`. */
      interface: z.string().min(1).max(15),
      path: z.string().startsWith('/'),
      limitBytes: z
        .number()
        .int()
        .min(64 * 1024)
        .max(64 * 1024 * MIB)
        .default(256 * MIB),
    }),
    CaptureProgress,
    z.object({ type: z.literal('stop') }),
  ),
} as const
