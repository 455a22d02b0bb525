import { z } from 'zod'

/** A device of the host, or a folder of devices, given to a container. `permissions` of `rwm` go to its cgroup. */
export const DeviceSpec = z.object({
  hostPath: z.string().startsWith('/'),
  containerPath: z.string().startsWith('/'),
  permissions: z.string().regex(/^[rwm]{1,3}$/, 'permissions are of r, w and m'),
})
export type DeviceSpec = z.output<typeof DeviceSpec>

/** A limit of setrlimit(2) by its name in lower case (`nofile`); −1 is none. */
export const Ulimit = z.object({ name: z.string(), soft: z.number().int().min(-1), hard: z.number().int().min(-1) })
export type Ulimit = z.output<typeof Ulimit>

/** Bytes or operations a second that a block device may give. */
const DeviceRate = z.object({ path: z.string().startsWith('/'), rate: z.number().int().min(0) })
export const BlockIo = z.object({
  weight: z.number().int().min(0).max(1000).default(0),
  readBytes: z.array(DeviceRate).default([]),
  writeBytes: z.array(DeviceRate).default([]),
  readOperations: z.array(DeviceRate).default([]),
  writeOperations: z.array(DeviceRate).default([]),
})
export type BlockIo = z.output<typeof BlockIo>

/** Where output goes: `none` keeps nothing, the others keep it in the engine's own format. */
export const LogSettings = z.object({
  driver: z.enum(['json-file', 'local', 'none']).default('json-file'),
  options: z.record(z.string(), z.string()).default({}),
})
export type LogSettings = z.output<typeof LogSettings>

/**
 * Whose namespaces a container has: `''` or `private` its own, `host`, `container:ID`; of ipc also `shareable` (its
 * own, open to others) and `none` (its own without /dev/shm). `cgroup` `''` follows the layout of the machine.
 */
export const NamespaceModes = z.object({
  pid: z.string().default(''),
  ipc: z.string().default(''),
  uts: z.string().default(''),
  user: z.string().default(''),
  cgroup: z.string().default(''),
})
export type NamespaceModes = z.output<typeof NamespaceModes>

/** Settings of a container beyond what a screen asks for. All have Docker's defaults. */
export const ContainerSettings = z.object({
  devices: z.array(DeviceSpec).default([]),
  /** `c 10:200 rwm`, as the cgroup takes them. */
  deviceCgroupRules: z.array(z.string()).default([]),
  sysctls: z.record(z.string(), z.string()).default({}),
  ulimits: z.array(Ulimit).default([]),
  /** `no-new-privileges`, `seccomp=…` (`unconfined` or a profile's text), `apparmor=…`, `label=…`. */
  securityOptions: z.array(z.string()).default([]),
  /** Paths to hide and to make read-only; `null` for Docker's own. */
  maskedPaths: z.array(z.string()).nullable().default(null),
  readOnlyPaths: z.array(z.string()).nullable().default(null),
  /** `CONTAINER[:ro|rw]`, whose mounts this one has too. */
  volumesFrom: z.array(z.string()).default([]),
  shmSizeBytes: z.number().int().min(0).default(0),
  log: LogSettings.prefault({}),
  /** Further groups of the main process, by name or number. */
  groupAdd: z.array(z.string()).default([]),
  oomScoreAdj: z.number().int().default(0),
  namespaces: NamespaceModes.prefault({}),
  cgroupParent: z.string().default(''),
  blockIo: BlockIo.prefault({}),
  annotations: z.record(z.string(), z.string()).default({}),
  domainname: z.string().default(''),
  /** Ports that it says it listens on (`80/tcp`), the image's among them once it is made. */
  exposedPorts: z.array(z.string()).default([]),
  /** Publishes every exposed port that has no binding, on a port that the engine chooses. */
  publishAllPorts: z.boolean().default(false),
  /** The first attached client that ends its input ends the container's. */
  stdinOnce: z.boolean().default(false),
})
export type ContainerSettings = z.output<typeof ContainerSettings>
