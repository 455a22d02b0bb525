import { z } from 'zod'
import { command, query, stream } from './define.ts'

export const ImageSummary = z.object({
  /** Digest of the image's config: `sha256:<64 hex>`. */
  id: z.string(),
  /** `repository:tag`, empty for a dangling image. */
  references: z.array(z.string()),
  createdAt: z.string(),
  /** Bytes of all layers unpacked. */
  sizeBytes: z.number(),
  architecture: z.string(),
  os: z.string(),
  layerCount: z.number().int(),
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
  labels: z.record(z.string(), z.string()),
  exposedPorts: z.array(z.string()),
  volumes: z.array(z.string()),
  layers: z.array(z.object({ diffId: z.string(), chainId: z.string(), sizeBytes: z.number() })),
  history: z.array(z.object({ createdAt: z.string(), createdBy: z.string(), emptyLayer: z.boolean() })),
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

export const image = {
  list: query(z.object({}), z.array(ImageSummary)),
  inspect: query(z.object({ id: z.string() }), ImageDetail),
  /** Imports every image of an archive on this machine's disk. Closing the stream cancels and leaves nothing. */
  importArchive: stream(z.object({ path: z.string().startsWith('/') }), ImportProgress, z.never()),
  /** The starter image: this machine's own static busybox, so that a first container needs no network. */
  createStarter: command(z.object({}), z.object({ id: z.string(), reference: z.string() })),
  tag: command(z.object({ id: z.string(), reference: z.string() }), z.void()),
  remove: command(
    z.object({ id: z.string(), force: z.boolean().default(false) }),
    z.object({ deleted: z.array(z.string()), untagged: z.array(z.string()) }),
  ),
} as const
