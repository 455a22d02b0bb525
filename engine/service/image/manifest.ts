import { open, readFile, stat } from 'node:fs/promises'
import { digestOf } from '../../lib/digest.ts'
import { MEDIA_TYPES, parseManifestOrIndex } from '../../lib/oci.ts'
import type { ImageRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'

/** A manifest as bytes, for a registry or an archive. */
export interface ImageManifest {
  readonly bytes: Buffer
  readonly mediaType: string
}

/** The manifest that an image came with, or one of what lies here. */
export async function readManifest(context: ServiceContext, record: ImageRecord): Promise<ImageManifest> {
  return (await keptManifest(context, record)) ?? (await buildManifest(context, record))
}

/** The manifest that the image was pulled with, if it still describes our blobs: the digest stays the same. */
async function keptManifest(context: ServiceContext, record: ImageRecord): Promise<ImageManifest | null> {
  if (!record.manifest) return null
  const { digest, mediaType } = record.manifest
  const bytes = await readFile(context.layout.blob(digest)).catch(() => null)
  if (!bytes || digestOf(bytes) !== digest) return null
  const read = parseManifestOrIndex(bytes, `the manifest ${digest}`)
  const isOurs =
    'manifest' in read &&
    read.manifest.config.digest === record.id &&
    `${read.manifest.layers.map((layer) => layer.digest)}` === `${record.layers.map((layer) => layer.digest)}`
  return isOurs ? { bytes, mediaType } : null
}

/** An OCI manifest of the blobs as they lie in the store (image-spec, manifest.md). */
async function buildManifest(context: ServiceContext, record: ImageRecord): Promise<ImageManifest> {
  const size = async (digest: string) => (await stat(context.layout.blob(digest))).size
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.ociManifest,
    config: { mediaType: MEDIA_TYPES.ociConfig, digest: record.id, size: await size(record.id) },
    layers: await Promise.all(
      record.layers.map(async ({ digest }) => ({
        mediaType: `${MEDIA_TYPES.ociLayer}${await compressionOf(context.layout.blob(digest))}`,
        digest,
        size: await size(digest),
      })),
    ),
  }
  return { bytes: Buffer.from(JSON.stringify(manifest)), mediaType: MEDIA_TYPES.ociManifest }
}

/** Suffix of the media type, by the first bytes of the blob: `''` for a plain tar. */
export async function compressionOf(file: string): Promise<'' | '+gzip' | '+zstd'> {
  const handle = await open(file)
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    const magic = buffer.toString('hex')
    return magic.startsWith('1f8b') ? '+gzip' : magic === '28b52ffd' ? '+zstd' : ''
  } finally {
    await handle.close()
  }
}
