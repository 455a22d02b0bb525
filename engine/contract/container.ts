import { z } from 'zod'
import { ContainerSettings } from './container-settings.ts'
import { command, query, stream } from './define.ts'
import { HealthcheckRequest, HealthcheckSpec } from './healthcheck.ts'
import { EndpointDetail, EndpointSpec } from './network.ts'

/** A container's full id, a unique prefix of it, or its name. */
export const ContainerRef = z.object({ id: z.string().min(1).max(255) })

export const ContainerStatus = z.enum(['created', 'running', 'paused', 'restarting', 'exited', 'dead', 'removing'])
export type ContainerStatus = z.output<typeof ContainerStatus>

const Port = z.number().int().min(1).max(65535)
export const PortProtocol = z.enum(['tcp', 'udp', 'sctp'])

/**
 * A port to publish. `hostIp` `''` is the network's own host address, or the one that is set for all. `hostPort` 0 lets
 * the engine choose one, `hostPortEnd` above it the first free one of a range.
 */
export const PortBinding = z.object({
  containerPort: Port,
  protocol: PortProtocol.default('tcp'),
  hostIp: z.union([z.literal(''), z.ipv4(), z.ipv6()], { error: 'invalid host address' }).default(''),
  hostPort: z.number().int().min(0).max(65535).default(0),
  hostPortEnd: z.number().int().min(0).max(65535).optional(),
})
export type PortBinding = z.output<typeof PortBinding>

/** A volume or a bind mount. A `volume` without `source` is anonymous. */
export const MountSpec = z.object({
  type: z.enum(['bind', 'volume', 'tmpfs']),
  source: z.string().default(''),
  target: z.string().startsWith('/'),
  readOnly: z.boolean().default(false),
  propagation: z.enum(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']).default('rprivate'),
  /** Makes the folder of a bind mount that is missing, as `docker run -v` does. */
  createSource: z.boolean().default(false),
  /** Of a bind: mounts below the source come along. */
  isRecursive: z.boolean().default(true),
  /** Of a volume: an empty one gets no copy of what the image has there. */
  noCopy: z.boolean().default(false),
  /** Of a volume: the folder or file in it that is mounted, resolved inside the volume. */
  subpath: z.string().default(''),
  /** Of a volume that is made for this mount. */
  labels: z.record(z.string(), z.string()).default({}),
  /** Of a volume: who serves it; `''` is whoever does, and `local` for one that is made. */
  driver: z.string().default(''),
  /** Of a volume that is made for this mount: what its driver is told. */
  driverOptions: z.record(z.string(), z.string()).default({}),
  /** Of a tmpfs, as mount(8) has them: `size=64m`, `mode=1777`, `exec`. */
  options: z.array(z.string()).default([]),
})
export type MountSpec = z.output<typeof MountSpec>
/** A mount with the defaults left out. */
export type MountInput = z.input<typeof MountSpec>

export const RestartPolicy = z.object({
  name: z.enum(['no', 'always', 'unless-stopped', 'on-failure']).default('no'),
  maximumRetryCount: z.number().int().min(0).default(0),
})
export type RestartPolicy = z.output<typeof RestartPolicy>

/** Limits; 0 and `''` are none. Memory in bytes, CPU in cores. */
export const ResourceLimits = z.object({
  memoryBytes: z.number().int().min(0).default(0),
  cpus: z.number().min(0).default(0),
  pids: z.number().int().min(0).default(0),
  /** Memory and swap together; −1 is no limit, 0 twice the memory. */
  memorySwapBytes: z.number().int().min(-1).default(0),
  memoryReservationBytes: z.number().int().min(0).default(0),
  /** Weight against other containers; 0 is the kernel's own 1024. */
  cpuShares: z.number().int().min(0).default(0),
  /** Microseconds of every period; `cpus` says the same in cores. */
  cpuPeriod: z.number().int().min(0).default(0),
  cpuQuota: z.number().int().default(0),
  /** Processors and memory nodes to run on (`0-2,4`). */
  cpusetCpus: z.string().default(''),
  cpusetMems: z.string().default(''),
  isOomKillDisabled: z.boolean().default(false),
  /** 0 to 100; −1 leaves the kernel's own. */
  memorySwappiness: z.number().int().min(-1).max(100).default(-1),
})
export type ResourceLimits = z.output<typeof ResourceLimits>

/** What to create. `null` for a command, entrypoint, user or folder keeps the image's own. */
export const CreateContainer = ContainerSettings.extend({
  image: z.string().min(1),
  name: z.string().default(''),
  command: z.array(z.string()).nullable().default(null),
  entrypoint: z.array(z.string()).nullable().default(null),
  env: z.array(z.string()).default([]),
  user: z.string().nullable().default(null),
  workingDir: z.string().nullable().default(null),
  hostname: z.string().default(''),
  labels: z.record(z.string(), z.string()).default({}),
  tty: z.boolean().default(false),
  openStdin: z.boolean().default(false),
  init: z.boolean().default(false),
  privileged: z.boolean().default(false),
  readOnlyRootfs: z.boolean().default(false),
  autoRemove: z.boolean().default(false),
  capAdd: z.array(z.string()).default([]),
  capDrop: z.array(z.string()).default([]),
  ports: z.array(PortBinding).default([]),
  mounts: z.array(MountSpec).default([]),
  restart: RestartPolicy.prefault({}),
  healthcheck: HealthcheckRequest.nullable().default(null),
  resources: ResourceLimits.prefault({}),
  stopSignal: z.string().nullable().default(null),
  /** −1 waits for ever. */
  stopTimeoutSeconds: z.number().int().min(-1).default(10),
  extraHosts: z.array(z.string()).default([]),
  /** A network's name or id, `bridge`, `host`, `none` or `container:NAME`. */
  network: z.string().default('bridge'),
  /** How it joins that network, and further networks that it joins. */
  endpoints: z.array(EndpointSpec).default([]),
  /** `CONTAINER[:ALIAS]`, known in `/etc/hosts` on the default network and by DNS on others. */
  links: z.array(z.string()).default([]),
  dns: z.array(z.string()).default([]),
  dnsSearch: z.array(z.string()).default([]),
  dnsOptions: z.array(z.string()).default([]),
})
export type CreateContainer = z.output<typeof CreateContainer>
/** A request with the defaults left out. */
export type CreateContainerInput = z.input<typeof CreateContainer>

/** What a container shall be otherwise; what is left out stays. `network` and `endpoints` together say where it is. */
export const ContainerChange = z
  .object({
    name: z.string().min(1),
    command: z.array(z.string()).nullable(),
    entrypoint: z.array(z.string()).nullable(),
    env: z.array(z.string()),
    user: z.string().nullable(),
    workingDir: z.string().nullable(),
    hostname: z.string(),
    labels: z.record(z.string(), z.string()),
    tty: z.boolean(),
    openStdin: z.boolean(),
    init: z.boolean(),
    readOnlyRootfs: z.boolean(),
    autoRemove: z.boolean(),
    ports: z.array(PortBinding),
    mounts: z.array(MountSpec),
    restart: RestartPolicy,
    resources: ResourceLimits,
    extraHosts: z.array(z.string()),
    dns: z.array(z.string()),
    links: z.array(z.string()),
    network: z.string().min(1),
    endpoints: z.array(EndpointSpec),
  })
  .partial()
export type ContainerChange = z.output<typeof ContainerChange>

export const HealthState = z.enum(['none', 'starting', 'healthy', 'unhealthy'])

/** How a probe of a healthcheck went. Times are RFC 3339. */
export const HealthResult = z.object({
  startedAt: z.string(),
  endedAt: z.string(),
  exitCode: z.number().int(),
  output: z.string(),
})
export type HealthResult = z.output<typeof HealthResult>

/** One row of the list. Times are RFC 3339 strings, empty when it has not happened. */
export const ContainerSummary = z.object({
  id: z.string(),
  name: z.string(),
  image: z.string(),
  imageId: z.string(),
  command: z.string(),
  createdAt: z.string(),
  startedAt: z.string(),
  finishedAt: z.string(),
  status: ContainerStatus,
  exitCode: z.number().int(),
  error: z.string(),
  oomKilled: z.boolean(),
  health: HealthState,
  ports: z.array(z.object({ containerPort: Port, protocol: PortProtocol, hostIp: z.string(), hostPort: z.number() })),
  ipAddress: z.string(),
  /** `bridge`, a network's name, `host`, `none` or `container:` with the id of the container whose network it shares. */
  networkMode: z.string(),
  /** `CONTAINER[:ALIAS]` as it was asked for. */
  links: z.array(z.string()),
  labels: z.record(z.string(), z.string()),
  tty: z.boolean(),
})
export type ContainerSummary = z.output<typeof ContainerSummary>

export const ContainerDetail = ContainerSummary.extend({
  pid: z.number().int(),
  restartCount: z.number().int(),
  /** Of its latest start: a name, `unconfined`, or `''` where AppArmor confines no container. */
  appArmorProfile: z.string(),
  path: z.string(),
  args: z.array(z.string()),
  config: CreateContainer,
  env: z.array(z.string()),
  workingDir: z.string(),
  user: z.string(),
  /** The request's healthcheck, or the image's; `null` for none. */
  healthcheck: HealthcheckSpec.nullable(),
  /** Failures in a row, and the last five probes, oldest first. */
  healthFailures: z.number().int(),
  healthResults: z.array(HealthResult),
  hostname: z.string(),
  gateway: z.string(),
  macAddress: z.string(),
  networks: z.array(EndpointDetail),
  hostsPath: z.string(),
  hostnamePath: z.string(),
  resolvConfPath: z.string(),
  logPath: z.string(),
  mounts: z.array(MountSpec.extend({ name: z.string(), hostPath: z.string() })),
})
export type ContainerDetail = z.output<typeof ContainerDetail>

/** A line of log. `time` is RFC 3339 with nanoseconds, UTC; `text` has no line end. `offset` orders lines and resumes. */
export const LogLine = z.object({
  offset: z.number(),
  time: z.string(),
  stream: z.enum(['stdout', 'stderr']),
  text: z.string(),
})
export type LogLine = z.output<typeof LogLine>

/** What a container uses. Counters are totals since its start; `cpuPercent` is of one core (200 is two cores full). */
export const StatsSample = z.object({
  id: z.string(),
  time: z.number(),
  cpuPercent: z.number(),
  cpuNanoseconds: z.number(),
  memoryBytes: z.number(),
  memoryLimitBytes: z.number(),
  pids: z.number(),
  rxBytes: z.number(),
  txBytes: z.number(),
  /** The same by the container's interfaces. */
  interfaces: z.array(z.object({ name: z.string(), rxBytes: z.number(), txBytes: z.number() })),
  readBytes: z.number(),
  writtenBytes: z.number(),
})
export type StatsSample = z.output<typeof StatsSample>

export const TerminalIn = z.discriminatedUnion('type', [
  z.object({ type: z.literal('data'), data: z.instanceof(Uint8Array) }),
  z.object({
    type: z.literal('resize'),
    columns: z.number().int().min(1).max(1000),
    rows: z.number().int().min(1).max(1000),
  }),
  z.object({ type: z.literal('eof') }),
  /** Leaves, and what runs goes on as if nobody had been there. */
  z.object({ type: z.literal('detach') }),
])
export const TerminalOut = z.discriminatedUnion('type', [
  z.object({ type: z.literal('data'), stream: z.enum(['stdout', 'stderr']), data: z.instanceof(Uint8Array) }),
  z.object({ type: z.literal('exit'), exitCode: z.number().int() }),
])
export type TerminalIn = z.output<typeof TerminalIn>
export type TerminalOut = z.output<typeof TerminalOut>

export const container = {
  list: query(z.object({ all: z.boolean().default(true) }), z.array(ContainerSummary)),
  inspect: query(ContainerRef, ContainerDetail),
  create: command(CreateContainer, z.object({ id: z.string(), warnings: z.array(z.string()) })),
  start: command(ContainerRef, z.void()),
  stop: command(ContainerRef.extend({ timeoutSeconds: z.number().int().min(-1).optional() }), z.void()),
  restart: command(ContainerRef.extend({ timeoutSeconds: z.number().int().min(-1).optional() }), z.void()),
  kill: command(ContainerRef.extend({ signal: z.string().default('SIGKILL') }), z.void()),
  pause: command(ContainerRef, z.void()),
  unpause: command(ContainerRef, z.void()),
  rename: command(ContainerRef.extend({ name: z.string() }), z.void()),
  /** Publishes these ports and no others, of a running container at once and without a restart: all or none. */
  setPorts: command(ContainerRef.extend({ ports: z.array(PortBinding) }), z.void()),
  /** Changes limits (0 leaves one as it is) and restart policy, of a running container at once. */
  update: command(
    ContainerRef.extend({
      resources: z
        .object({ memoryBytes: z.number().int().min(0), cpus: z.number().min(0) })
        .partial()
        .prefault({}),
      restart: RestartPolicy.nullable().default(null),
    }),
    z.object({ warnings: z.array(z.string()) }),
  ),
  /**
   * Makes a container anew with some of it changed: id, files, volumes, and addresses where the networks allow stay. One
   * that runs is stopped and started; when it does not start it comes back as it was.
   */
  recreate: command(ContainerRef.extend({ change: ContainerChange }), z.object({ warnings: z.array(z.string()) })),
  remove: command(
    ContainerRef.extend({ force: z.boolean().default(false), volumes: z.boolean().default(true) }),
    z.void(),
  ),
  wait: query(ContainerRef, z.object({ exitCode: z.number().int() })),
  /** The last `tail` lines that end before `before` (an offset), oldest first: a window onto the log. */
  logWindow: query(
    ContainerRef.extend({
      before: z.number().optional(),
      tail: z.number().int().min(1).max(5000).default(500),
      search: z.string().default(''),
    }),
    z.object({ lines: z.array(LogLine), endOffset: z.number(), hasOlder: z.boolean() }),
  ),
  /** Lines from `from` (an offset) on, in batches, as they are written. */
  logFollow: stream(ContainerRef.extend({ from: z.number().default(0) }), z.array(LogLine), z.never()),
  /** One sample a second for every running container, or for those named. */
  stats: stream(z.object({ ids: z.array(z.string()).default([]) }), z.array(StatsSample), z.never()),
  /** The main process's own stdin and output. */
  attach: stream(ContainerRef, TerminalOut, TerminalIn),
  /** A new process in a running container. */
  exec: stream(
    ContainerRef.extend({
      command: z.array(z.string()).min(1),
      tty: z.boolean().default(true),
      env: z.array(z.string()).default([]),
      user: z.string().nullable().default(null),
      workingDir: z.string().nullable().default(null),
      columns: z.number().int().min(1).max(1000).default(80),
      rows: z.number().int().min(1).max(1000).default(24),
    }),
    TerminalOut,
    TerminalIn,
  ),
} as const
