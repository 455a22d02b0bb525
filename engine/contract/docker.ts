import { z } from 'zod'
import { command, query } from './define.ts'

/** A program that is connected to the API's socket, as the kernel noted it at the connection. */
export const ApiClient = z.object({
  pid: z.number().int(),
  uid: z.number().int(),
  /** Name of the program; empty when it has ended or belongs to somebody else. */
  program: z.string(),
  connectedAt: z.string(),
  /** Open connections of the program. */
  connections: z.number().int(),
})
export type ApiClient = z.output<typeof ApiClient>

/** The Docker Engine API as clients find it. */
export const DockerApi = z.object({
  socket: z.string(),
  /** Whether the socket is served: another engine may hold it. */
  isServed: z.boolean(),
  /** What `DOCKER_HOST` would be. */
  host: z.string(),
  /** The docker context that leads here; `other` when one of that name leads elsewhere. */
  context: z.object({ name: z.string(), state: z.enum(['none', 'ours', 'other']), isCurrent: z.boolean() }),
  /**
   * The place where clients look when nobody tells them where. `none` when this session has no such folder, `taken`
   * when something of another engine lies there.
   */
  offer: z.object({ path: z.string(), state: z.enum(['none', 'free', 'ours', 'taken']), isWanted: z.boolean() }),
  clients: z.array(ApiClient),
})
export type DockerApi = z.output<typeof DockerApi>

export const docker = {
  describe: query(z.object({}), DockerApi),
  /** Makes the docker context, and leaves the current one as it is. */
  createContext: command(z.object({}), z.object({ name: z.string() })),
  /** Offers the socket at the usual place, now and at every start, or no longer. */
  offerSocket: command(z.object({ isOn: z.boolean() }), z.void()),
} as const
