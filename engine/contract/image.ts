import { z } from 'zod'
import { command, query, stream } from './define.ts'

export const ImageSummary = z.object({
  /** Digest of the image's config: `sha256:<64 hex>`. */
  id: z.string(),
  /** `repository:tag`, empty for a dangling image. */
  references: z.array(z.string()),
  /** `repository@sha256:…` for every repository it was pulled from or pushed to. */
  repoDigests: z.array(z.string()),
  createdAt: z.string(),
  /** Bytes of all layers unpacked. */
  sizeBytes: z.number(),
  /** Bytes of those of its layers that other images stand on too. */
  sharedBytes: z.number(),
  architecture: z.string(),
  os: z.string(),
  layerCount: z.number().int(),
  labels: z.record(z.string(), z.string()),
  /** Ids of containers made from it. */
  usedBy: z.array(z.string()),
})
export type ImageSummary = z.output<typeof ImageSummary>

export const ImageDetail = ImageSummary.extend({
  command: z.array(z.string()),
  entrypoint: z.array(z.string()),
  env: z.array(z.string()),
  workingDir: z.string(),
  user: z.string(),
  exposedPorts: z.array(z.string()),
  volumes: z.array(z.string()),
  stopSignal: z.string(),
  /** Digest of the manifest that it was pulled with; `''` for one that came otherwise. */
  manifestDigest: z.string(),
  /** From the lowest up; `digest` is that of the layer as it is stored, `diffId` that of its plain tar. */
  layers: z.array(z.object({ digest: z.string(), diffId: z.string(), chainId: z.string(), sizeBytes: z.number() })),
  history: z.array(
    z.object({ createdAt: z.string(), createdBy: z.string(), comment: z.string(), emptyLayer: z.boolean() }),
  ),
})
export type ImageDetail = z.output<typeof ImageDetail>

/** Progress of an import. `layer` is the short diff id; bytes are of the layer's content in the archive. */
export const ImportProgress = z.discriminatedUnion('type', [
  z.object({ type: z.literal('stage'), stage: z.enum(['reading', 'verifying', 'unpacking', 'done']) }),
  z.object({
    type: z.literal('layer'),
    layer: z.string(),
    state: z.enum(['waiting', 'unpacking', 'done', 'exists']),
    currentBytes: z.number(),
    totalBytes: z.number(),
  }),
  z.object({ type: z.literal('image'), id: z.string(), references: z.array(z.string()) }),
])
export type ImportProgress = z.output<typeof ImportProgress>

/** Who we are to a registry, where that is not what docker's `config.json` says. */
export const RegistryAuth = z.union([
  z.object({ username: z.string().min(1), password: z.string() }),
  z.object({ identityToken: z.string().min(1) }),
])
export type RegistryAuth = z.output<typeof RegistryAuth>

/** Progress of a pull. `layer` is the short digest; bytes are those of the layer as the registry has it. */
export const PullProgress = z.discriminatedUnion('type', [
  z.object({ type: z.literal('stage'), stage: z.enum(['resolving', 'downloading', 'done']) }),
  z.object({
    type: z.literal('layer'),
    layer: z.string(),
    state: z.enum(['waiting', 'downloading', 'unpacking', 'done', 'exists']),
    currentBytes: z.number(),
    totalBytes: z.number(),
  }),
  z.object({
    type: z.literal('image'),
    id: z.string(),
    references: z.array(z.string()),
    /** Digest of what the name stands for: an index or a manifest. */
    digest: z.string(),
    /** Whether it was not here before under this name. */
    isNew: z.boolean(),
  }),
])
export type PullProgress = z.output<typeof PullProgress>

/** Progress of a push. */
export const PushProgress = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('layer'),
    layer: z.string(),
    state: z.enum(['waiting', 'uploading', 'uploaded', 'mounted', 'exists']),
    currentBytes: z.number(),
    totalBytes: z.number(),
  }),
  z.object({ type: z.literal('pushed'), tag: z.string(), digest: z.string(), sizeBytes: z.number() }),
])
export type PushProgress = z.output<typeof PushProgress>

/** What a layer has done to a file or folder. */
export const LayerEntry = z.object({
  name: z.string(),
  kind: z.enum(['added', 'changed', 'removed']),
  isFolder: z.boolean(),
  /** Bytes of files, of a folder those of all below it; of what is removed, those that it had. */
  sizeBytes: z.number(),
  /** Files and folders below it that the layer has touched. */
  changes: z.number().int(),
})
export type LayerEntry = z.output<typeof LayerEntry>
export const LayerFolder = z.object({ entries: z.array(LayerEntry), sizeBytes: z.number(), changes: z.number().int() })
export type LayerFolder = z.output<typeof LayerFolder>

/** Progress of a save to a file. */
export const SaveProgress = z.object({ writtenBytes: z.number(), isDone: z.boolean() })
export type SaveProgress = z.output<typeof SaveProgress>

export const image = {
  list: query(z.object({}), z.array(ImageSummary)),
  inspect: query(z.object({ id: z.string() }), ImageDetail),
  /** Imports every image of an archive on this machine's disk. Closing the stream cancels and leaves nothing. */
  importArchive: stream(z.object({ path: z.string().startsWith('/') }), ImportProgress, z.never()),
  /** The starter image: this machine's own static busybox, so that a first container needs no network. */
  createStarter: command(z.object({}), z.object({ id: z.string(), reference: z.string() })),
  /** Pulls one image for a platform (`os/architecture/variant`, this machine's by default). Closing cancels. */
  pull: stream(
    z.object({ reference: z.string(), platform: z.string().default(''), auth: RegistryAuth.optional() }),
    PullProgress,
    z.never(),
  ),
  /** Pushes what a reference names to the registry that it names. */
  push: stream(z.object({ reference: z.string(), auth: RegistryAuth.optional() }), PushProgress, z.never()),
  /** Writes images to one archive on this machine's disk, for `load` anywhere. Closing cancels and leaves nothing. */
  save: stream(
    z.object({ ids: z.array(z.string()).min(1), path: z.string().startsWith('/') }),
    SaveProgress,
    z.never(),
  ),
  /** Makes an image of a container. `changes` are instructions of a Dockerfile: `CMD …`, `ENV …`. */
  commit: command(
    z.object({
      container: z.string(),
      reference: z.string().default(''),
      author: z.string().default(''),
      comment: z.string().default(''),
      pause: z.boolean().default(true),
      changes: z.array(z.string()).default([]),
    }),
    z.object({ id: z.string() }),
  ),
  /** One folder of what a layer (0 is the lowest) has added, changed and removed. */
  layerFiles: query(
    z.object({ id: z.string(), layer: z.number().int().min(0), path: z.string().default('/') }),
    LayerFolder,
  ),
  /** Removes images that no container uses: those without a name, or with `all` every one. `dryRun` only tells. */
  prune: command(
    z.object({ all: z.boolean().default(false), dryRun: z.boolean().default(false) }),
    z.object({ deleted: z.array(z.string()), untagged: z.array(z.string()), reclaimedBytes: z.number() }),
  ),
  tag: command(z.object({ id: z.string(), reference: z.string() }), z.void()),
  remove: command(
    z.object({ id: z.string(), force: z.boolean().default(false) }),
    z.object({ deleted: z.array(z.string()), untagged: z.array(z.string()) }),
  ),
} as const
