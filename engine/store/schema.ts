import { z } from 'zod'
import { ContainerStatus, CreateContainer, HealthcheckSpec, HealthState, MountSpec } from '../contract/container.ts'

const ProcessRef = z.object({ pid: z.number().int(), startTicks: z.number() })

/** A mount after resolution: where it lies on the host, and the volume behind it, if any. */
export const ResolvedMount = MountSpec.extend({ name: z.string(), hostPath: z.string(), isAnonymous: z.boolean() })
export type ResolvedMount = z.output<typeof ResolvedMount>

export const PortForward = z.object({
  protocol: z.enum(['tcp', 'udp']),
  hostIp: z.string(),
  hostPort: z.number().int(),
  containerIp: z.string(),
  containerPort: z.number().int(),
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

export const ContainerState = z.object({
  status: ContainerStatus,
  exitCode: z.number().int(),
  error: z.string(),
  oomKilled: z.boolean(),
  startedAt: z.string(),
  finishedAt: z.string(),
  init: ProcessRef.nullable(),
  conmon: ProcessRef.nullable(),
  health: HealthState,
  restartCount: z.number().int(),
  /** A person stopped it: restart policies `always` and `unless-stopped` rest until it is started again. */
  isStoppedByUser: z.boolean(),
})
export type ContainerState = z.output<typeof ContainerState>

export const ContainerRecord = z.object({
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
  endpoint: z
    .object({ ipAddress: z.string(), prefix: z.number().int(), gateway: z.string(), macAddress: z.string() })
    .nullable(),
  ports: z.array(PortForward),
  state: ContainerState,
})
export type ContainerRecord = z.output<typeof ContainerRecord>

export const ImageRecord = z.object({
  version: z.literal(1),
  /** `sha256:…` of the config. */
  id: z.string(),
  references: z.array(z.string()),
  importedAt: z.string(),
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
})
export type VolumeRecord = z.output<typeof VolumeRecord>

export const NetworkRecord = z.object({
  version: z.literal(1),
  id: z.string(),
  name: z.string(),
  driver: z.literal('bridge'),
  bridge: z.string(),
  subnet: z.string(),
  gateway: z.string(),
  /** The address handed out last, so that a freed one is not used again at once. */
  lastAddress: z.string(),
})
export type NetworkRecord = z.output<typeof NetworkRecord>
