import { z } from 'zod'
import { query, stream } from './define.ts'

/** A fact that happened, after it was committed. Carries ids, not objects. */
export const EngineEvent = z.object({
  /** Increases by one an event. */
  sequence: z.number().int(),
  time: z.string(),
  type: z.enum(['container', 'image', 'volume', 'network', 'builder', 'engine', 'client']),
  /** Past or done: `create`, `start`, `die`, `destroy`, `rename`, `health_status`, `load`, `untag`, `delete`, `connect`, `mount`, `prune` … */
  action: z.string(),
  id: z.string(),
  attributes: z.record(z.string(), z.string()),
})
export type EngineEvent = z.output<typeof EngineEvent>

export const SystemInfo = z.object({
  version: z.string(),
  mode: z.enum(['rootful', 'rootless']),
  root: z.string(),
  socket: z.string(),
  kernel: z.string(),
  cgroup: z.enum(['v1', 'hybrid', 'v2', 'none']),
  /** Controllers by which containers can be limited: `cpu`, `memory`, `pids` …, and `swap`; none where they have no control groups. */
  limits: z.array(z.string()),
  cpus: z.number().int(),
  memoryBytes: z.number(),
  runtime: z.string(),
  containers: z.number().int(),
  images: z.number().int(),
  keeperPid: z.number().int(),
  /** The file of the namespace where bridges are, as the keeper sees it; `''` for the machine's own. */
  innerNetns: z.string(),
  /** Containers get an AppArmor profile unless told otherwise. */
  hasAppArmorProfile: z.boolean(),
  warnings: z.array(z.string()),
  /** The store that overlay networks are shared through; `''` when this engine is alone. */
  cluster: z.object({
    store: z.string(),
    address: z.string(),
    isReachable: z.boolean(),
    hosts: z.array(z.object({ name: z.string(), address: z.string(), isSelf: z.boolean() })),
  }),
})
export type SystemInfo = z.output<typeof SystemInfo>

/** What the data root is full of, in bytes on the disk. */
export const DiskUsage = z.object({
  /** Unpacked layers of images. */
  layerBytes: z.number(),
  /** Layers and documents as they came, for pushes and saves. */
  blobBytes: z.number(),
  /** What removing images without a name, and all that no container uses, would free of the layers. */
  danglingBytes: z.number(),
  unusedBytes: z.number(),
  images: z.array(
    z.object({
      id: z.string(),
      references: z.array(z.string()),
      sizeBytes: z.number(),
      /** Of layers that other images stand on too. */
      sharedBytes: z.number(),
      usedBy: z.array(z.string()),
    }),
  ),
  containers: z.array(z.object({ id: z.string(), name: z.string(), status: z.string(), ownBytes: z.number() })),
  volumes: z.array(z.object({ name: z.string(), sizeBytes: z.number(), usedBy: z.array(z.string()) })),
})
export type DiskUsage = z.output<typeof DiskUsage>

export const system = {
  info: query(z.object({}), SystemInfo),
  diskUsage: query(z.object({}), DiskUsage),
  events: stream(z.object({}), EngineEvent, z.never()),
  /** Which program holds a host port, and the next free one. */
  portAdvice: query(
    z.object({ port: z.number().int().min(1).max(65535), protocol: z.enum(['tcp', 'udp']).default('tcp') }),
    z.object({ inUse: z.boolean(), holder: z.string(), nextFree: z.number().int() }),
  ),
} as const
