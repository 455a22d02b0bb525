import { z } from 'zod'
import { query } from './define.ts'

export const NetworkSummary = z.object({
  id: z.string(),
  name: z.string(),
  driver: z.string(),
  interface: z.string(),
  subnet: z.string(),
  gateway: z.string(),
  endpoints: z.array(z.object({ containerId: z.string(), ipAddress: z.string(), macAddress: z.string() })),
})
export type NetworkSummary = z.output<typeof NetworkSummary>

export const network = {
  list: query(z.object({}), z.array(NetworkSummary)),
} as const
