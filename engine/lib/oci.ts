import { z } from 'zod'
import { EngineError } from '../contract/errors.ts'
import { assertDigest } from './digest.ts'

/** A manifest or config larger than this is refused (containerd `MaxManifestSize`). */
export const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024

export const MEDIA_TYPES = {
  ociManifest: 'application/vnd.oci.image.manifest.v1+json',
  ociIndex: 'application/vnd.oci.image.index.v1+json',
  ociConfig: 'application/vnd.oci.image.config.v1+json',
  ociLayer: 'application/vnd.oci.image.layer.v1.tar',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerIndex: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const

export const Descriptor = z.object({
  mediaType: z.string().optional(),
  digest: z.string(),
  size: z.number().int().min(0),
  annotations: z.record(z.string(), z.string()).nullish(),
  platform: z.object({ architecture: z.string(), os: z.string(), variant: z.string().nullish() }).nullish(),
})
export type Descriptor = z.output<typeof Descriptor>
export const Index = z.object({ manifests: z.array(Descriptor) })
export const Manifest = z.object({ config: Descriptor, layers: z.array(Descriptor) })
export type Manifest = z.output<typeof Manifest>
const RootFs = z.object({ rootfs: z.object({ diff_ids: z.array(z.string()) }) })

/** Reads a manifest or an index. One that is both is read differently by different tools (CVE-2021-41190): refused. */
export function parseManifestOrIndex(
  document: Buffer,
  what: string,
): { readonly index: z.output<typeof Index> } | { readonly manifest: Manifest } {
  const json = parseDocument(z.record(z.string(), z.unknown()), document, what)
  const isIndex = Object.hasOwn(json, 'manifests')
  if (isIndex && (Object.hasOwn(json, 'layers') || Object.hasOwn(json, 'config'))) {
    throw invalidImage('manifest.ambiguous', `${what} is both an image manifest and an index`)
  }
  if (isIndex) return { index: parseDocument(Index, document, what) }
  if (json['schemaVersion'] === 1) {
    throw invalidImage(
      'manifest.too-old',
      `${what} is of schema version 1, which is no longer read; push the image anew`,
    )
  }
  return { manifest: parseDocument(Manifest, document, what) }
}

/** The diff ids of a config, one a layer. */
export function readDiffIds(config: Buffer, layerCount: number): string[] {
  const diffIds = parseDocument(RootFs, config, 'the config').rootfs.diff_ids.map((diffId) =>
    assertDigest(diffId, 'a diff_id of the config'),
  )
  if (diffIds.length === layerCount) return diffIds
  throw invalidImage('config.layer-count', `the config has ${diffIds.length} diff_ids for ${layerCount} layers`)
}

/** Reads JSON of a shape; the error names the document and the place in it. */
export function parseDocument<T extends z.ZodType>(schema: T, document: Buffer, what: string): z.output<T> {
  let json: unknown
  try {
    json = JSON.parse(document.toString())
  } catch (cause) {
    throw new EngineError('invalidArgument', 'archive.bad-json', `${what} is not JSON: ${(cause as Error).message}`, {
      cause,
    })
  }
  const result = schema.safeParse(json)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw invalidImage(
    'archive.bad-document',
    `${what} is not valid at ${issue?.path.join('.') || 'its top'}: ${issue?.message}`,
  )
}

/** What a person brought in is not as it must be. */
export function invalidImage(reason: string, message: string): EngineError {
  return new EngineError('invalidArgument', reason, message)
}
