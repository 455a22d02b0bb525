import { z } from 'zod'
import { ContainerStatus, CreateContainer, HealthState, MountSpec } from '../contract/container.ts'
import { HealthcheckSpec } from '../contract/healthcheck.ts'
import { NetworkDriverName, RequestedAddresses } from '../contract/network.ts'

const ProcessRef = z.object({ pid: z.number().int(), startTicks: z.number() })

/** A mount after resolution: where it lies on the host, and the volume behind it, if any. */
export const ResolvedMount = MountSpec.extend({
  name: z.string(),
  hostPath: z.string(),
  isAnonymous: z.boolean(),
  /** An empty volume was given what the image has there: once, for it may be emptied on purpose later. */
  isPopulated: z.boolean().default(false),
})
export type ResolvedMount = z.output<typeof ResolvedMount>

export const PortForward = z.object({
  protocol: z.enum(['tcp', 'udp', 'sctp']),
  hostIp: z.string(),
  hostPort: z.number().int(),
  containerIp: z.string(),
  containerPort: z.number().int(),
  isRouted: z.boolean().optional(),
})

/** Image config and request merged: what will really run. */
export const ResolvedProcess = z.object({
  args: z.array(z.string()),
  env: z.array(z.string()),
  workingDir: z.string(),
  user: z.string(),
  stopSignal: z.string(),
  healthcheck: HealthcheckSpec.nullable(),
})
export type ResolvedProcess = z.output<typeof ResolvedProcess>

/** How a process ended, as the keeper told it. */
const Outcome = z.object({
  exitCode: z.number().int(),
  oomKilled: z.boolean(),
  shimLost: z.boolean(),
  time: z.string(),
})

export const ContainerState = z.object({
  status: ContainerStatus,
  exitCode: z.number().int(),
  error: z.string(),
  oomKilled: z.boolean(),
  startedAt: z.string(),
  finishedAt: z.string(),
  init: ProcessRef.nullable(),
  conmon: ProcessRef.nullable(),
  /** The AppArmor profile of its latest start; `''`: none. What is run in it beside has the same. */
  appArmor: z.string().default(''),
  health: HealthState,
  restartCount: z.number().int(),
  /** It was stopped on purpose: its restart policy rests until it is started again. */
  isStoppedByUser: z.boolean(),
  /** The engine did that on its way out: the policy brings it back with the next engine. */
  isStoppedByEngine: z.boolean().default(false),
  /** Stopped to be made anew: its end does not remove it, and recovery starts it again. */
  isBeingReplaced: z.boolean().default(false),
  /** Kept while what the process had is cleaned away: the keeper forgets it with that. */
  outcome: Outcome.nullable().default(null),
  /** Its anonymous volumes go with it: kept, so that a removal that was cut off is finished as it was asked. */
  removesVolumes: z.boolean().default(false),
  /** Volumes that are mounted for it, by plugins or for their options: given back when it has ended. */
  mountedVolumes: z.array(z.string()).default([]),
})
export type ContainerState = z.output<typeof ContainerState>

/** A container's place on a network. Texts are empty where the network has no such address. */
export const EndpointRecord = z.object({
  /** Name of the network. */
  network: z.string(),
  interface: z.string(),
  ipAddress: z.string(),
  prefix: z.number().int(),
  gateway: z.string(),
  ipv6Address: z.string(),
  ipv6Prefix: z.number().int(),
  ipv6Gateway: z.string(),
  macAddress: z.string(),
  aliases: z.array(z.string()),
  links: z.array(z.string()),
  priority: z.number().int(),
  requested: RequestedAddresses.prefault({}),
})
export type EndpointRecord = z.output<typeof EndpointRecord>

/** Records of before networks could be made had one endpoint, on the default network. */
function migrateContainer(value: unknown): unknown {
  const { endpoint, ...record } = value as { endpoint?: object | null; endpoints?: unknown }
  if (record.endpoints !== undefined) return record
  const rest = { ipv6Address: '', ipv6Prefix: 0, ipv6Gateway: '', aliases: [], links: [], priority: 0 }
  return { ...record, endpoints: endpoint ? [{ network: 'bridge', interface: 'eth0', ...endpoint, ...rest }] : [] }
}

const ContainerShape = z.object({
  version: z.literal(1),
  id: z.string(),
  name: z.string(),
  createdAt: z.string(),
  imageId: z.string(),
  chainIds: z.array(z.string()),
  config: CreateContainer,
  hostname: z.string(),
  process: ResolvedProcess,
  mounts: z.array(ResolvedMount),
  /** Places on networks; the first is the one that its own network mode names. */
  endpoints: z.array(EndpointRecord),
  ports: z.array(PortForward),
  state: ContainerState,
})
export const ContainerRecord = z.preprocess(migrateContainer, ContainerShape)
export type ContainerRecord = z.output<typeof ContainerRecord>

export const ImageRecord = z.object({
  version: z.literal(1),
  /** `sha256:…` of the config. */
  id: z.string(),
  references: z.array(z.string()),
  importedAt: z.string(),
  /** When it got its latest reference: the holder of one that a crash has left to two. */
  namedAt: z.string().default(''),
  /** `host/path@sha256:…` for every repository it was pulled from or pushed to. */
  repoDigests: z.array(z.string()).default([]),
  /** The manifest as its registry had it, kept as a blob, so that a push gives the same digest. */
  manifest: z.object({ digest: z.string(), mediaType: z.string() }).nullable().default(null),
  layers: z.array(z.object({ digest: z.string(), diffId: z.string(), chainId: z.string(), sizeBytes: z.number() })),
})
export type ImageRecord = z.output<typeof ImageRecord>

export const VolumeRecord = z.object({
  version: z.literal(1),
  name: z.string(),
  createdAt: z.string(),
  isAnonymous: z.boolean(),
  labels: z.record(z.string(), z.string()),
  /** `local`, or the plugin that serves it. */
  driver: z.string().default('local'),
  options: z.record(z.string(), z.string()).default({}),
  scope: z.enum(['local', 'global']).default('local'),
})
export type VolumeRecord = z.output<typeof VolumeRecord>

const AddressPool = z.object({
  subnet: z.string(),
  gateway: z.string(),
  ipRange: z.string(),
  auxiliary: z.array(z.string()),
  auxiliaryNames: z.record(z.string(), z.string()),
  lastAddress: z.string(),
})

const NetworkShape = z.object({
  version: z.literal(1),
  id: z.string(),
  name: z.string(),
  driver: NetworkDriverName,
  createdAt: z.string(),
  /** Bridge, or parent of macvlan and ipvlan; `''` for host and none. */
  interface: z.string(),
  ipv4: AddressPool.nullable(),
  ipv6: AddressPool.nullable(),
  isInternal: z.boolean(),
  options: z.record(z.string(), z.string()),
  ipamOptions: z.record(z.string(), z.string()).optional(),
  labels: z.record(z.string(), z.string()),
})
export const NetworkRecord = z.preprocess(migrateNetwork, NetworkShape)
export type NetworkRecord = z.output<typeof NetworkRecord>

/** Records of before networks could be made were of the default bridge alone. */
function migrateNetwork(value: unknown): unknown {
  const { bridge, subnet, gateway, lastAddress, ...record } = value as Record<string, unknown>
  if (bridge === undefined) return value
  const ipv4 = { subnet, gateway, lastAddress, ipRange: '', auxiliary: [], auxiliaryNames: {} }
  return { ...record, interface: bridge, createdAt: '', ipv4, ipv6: null, isInternal: false, options: {}, labels: {} }
}
