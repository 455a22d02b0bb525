import { z } from 'zod'
import { command, query } from './define.ts'

export const VolumeSummary = z.object({
  name: z.string(),
  /** `''` where its plugin does not say. */
  createdAt: z.string(),
  mountpoint: z.string(),
  anonymous: z.boolean(),
  labels: z.record(z.string(), z.string()),
  usedBy: z.array(z.string()),
  /** `local`, or the plugin that serves it: its place on this machine is known to that alone. */
  driver: z.string(),
  options: z.record(z.string(), z.string()),
  scope: z.enum(['local', 'global']),
})
export type VolumeSummary = z.output<typeof VolumeSummary>

export const volume = {
  list: query(z.object({}), z.array(VolumeSummary)),
  /** Bytes that each volume's files take, by name; measured on the disk at every call. */
  sizes: query(z.object({}), z.record(z.string(), z.number())),
  create: command(
    z.object({
      name: z.string().default(''),
      labels: z.record(z.string(), z.string()).default({}),
      driver: z.string().default(''),
      options: z.record(z.string(), z.string()).default({}),
    }),
    VolumeSummary,
  ),
  remove: command(z.object({ name: z.string() }), z.void()),
} as const
