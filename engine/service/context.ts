import type { Cluster } from '../cluster/cluster.ts'
import type { EngineConfig } from '../config.ts'
import type { ImageStore } from '../image/image-store.ts'
import type { Locks } from '../lib/async.ts'
import type { Networks } from '../network/networks.ts'
import type { Registry } from '../registry/registry.ts'
import type { ContainerFiles } from '../runtime/container-files.ts'
import type { ContainerRuntime } from '../runtime/container-runtime.ts'
import type { Layout } from '../store/layout.ts'
import type { RecordStore } from '../store/records.ts'
import type { ContainerRecord, ImageRecord, NetworkRecord, VolumeRecord } from '../store/schema.ts'
import type { VolumeDriver } from '../volume/local.ts'
import type { VolumePlugins } from '../volume/plugins.ts'
import type { ApiClients } from './docker/clients.ts'
import type { EventBus } from './events.ts'
import type { NetworkSettingsStore } from './network/settings.ts'
import type { VolumeClaims } from './volume/claims.ts'

/** Fields beside a constant message. Never secrets, never a container's environment. */
export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** An image that an import has verified and unpacked, ready to be named. */
export interface ImportedImage {
  readonly config: Buffer
  readonly configDigest: string
  readonly layers: readonly {
    readonly digest: string
    readonly diffId: string
    readonly chainId: string
    readonly sizeBytes: number
  }[]
  readonly references: readonly string[]
  /** Where it came from, when that was a registry. */
  readonly origin?: {
    /** `host/path@sha256:…` */
    readonly repoDigest: string
    readonly manifest: { readonly digest: string; readonly mediaType: string; readonly bytes: Buffer }
  }
}

/** What every use-case stands on: stores, mechanisms, locks, the bus. Built once, by `engine.ts`. */
export interface ServiceContext {
  readonly config: EngineConfig
  readonly layout: Layout
  readonly containers: RecordStore<ContainerRecord>
  readonly images: RecordStore<ImageRecord>
  readonly volumes: RecordStore<VolumeRecord>
  readonly networks: RecordStore<NetworkRecord>
  readonly runtime: ContainerRuntime
  readonly files: ContainerFiles
  readonly network: Networks
  readonly networkSettings: NetworkSettingsStore
  /** Whether this machine has IPv6 at the moment. */
  readonly hasIpv6: () => boolean
  readonly cluster: Cluster
  readonly image: ImageStore
  readonly registry: Registry
  readonly volume: VolumeDriver
  readonly volumePlugins: VolumePlugins
  readonly locks: Locks
  /** What waits for a container's next start: called once its process is made, before it runs. By container id. */
  readonly beforeStart: Map<string, Set<(record: ContainerRecord) => Promise<void>>>
  /** Containers that hold addresses before they run. By container id. */
  readonly starting: Set<string>
  readonly volumeClaims: VolumeClaims
  /** Containers whose stop somebody waits for. By container id. */
  readonly stopping: Set<string>
  readonly bus: EventBus
  readonly clients: ApiClients
  readonly log: Logger
  readonly now: () => Date
}
