import { open, readFile, stat } from 'node:fs/promises'
import { EngineError } from '../../contract/errors.ts'
import type { PushProgress, RegistryAuth } from '../../contract/image.ts'
import { inParallel, streamWork } from '../../lib/async.ts'
import { digestOf } from '../../lib/digest.ts'
import { MEDIA_TYPES, parseManifestOrIndex } from '../../lib/oci.ts'
import { familiarReference, normalizeReference, parseReference, type Reference } from '../../lib/reference.ts'
import type { Repository } from '../../registry/registry.ts'
import type { ImageRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'

const PARALLEL = 4

export interface PushRequest {
  readonly reference: string
  readonly auth?: RegistryAuth | undefined
}
interface PushOptions {
  readonly signal: AbortSignal
  readonly onProgress: (progress: PushProgress) => void
}
interface ManifestToPush {
  readonly bytes: Buffer
  readonly mediaType: string
}

/** Pushes what a reference names to the registry that it names, and tells its progress. Leaving the loop cancels. */
export function pushImage(
  context: ServiceContext,
  request: PushRequest,
  signal: AbortSignal,
): AsyncIterable<PushProgress> {
  return streamWork(signal, (stop, onProgress) => push(context, request, { signal: stop, onProgress }))
}

async function push(context: ServiceContext, request: PushRequest, options: PushOptions): Promise<void> {
  const name = normalizeReference(request.reference)
  const reference = parseReference(name)
  const record = context.images.list().find(({ references }) => references.includes(name))
  if (!record) {
    throw new EngineError(
      'notFound',
      'image.not-tagged',
      `An image does not exist locally with the tag: ${familiarReference(name)}`,
    )
  }
  const lease = context.image.content.open()
  try {
    const blobs = [record.id, ...record.layers.map(({ digest }) => digest)]
    lease.hold(...blobs.map((digest) => `blob:${digest}` as const))
    if (record.manifest) lease.hold(`blob:${record.manifest.digest}`)
    const repository = await context.registry.open(reference, {
      access: 'pull,push',
      credentials: request.auth,
      alsoRead: sisters(context, record, reference),
    })
    await uploadBlobs(context, repository, { record, reference, options })
    const manifest = (await keptManifest(context, record)) ?? (await buildManifest(context, record))
    const digest = await repository.putManifest({ tag: reference.tag, ...manifest, signal: options.signal })
    await remember(context, record.id, `${reference.host}/${reference.path}@${digest}`)
    context.bus.publish({ type: 'image', action: 'push', id: record.id, attributes: { name: familiarReference(name) } })
    options.onProgress({ type: 'pushed', tag: reference.tag, digest, sizeBytes: manifest.bytes.length })
  } finally {
    await lease.release()
  }
}

/** Other repositories of the same registry that this image, or one that shares a layer, came from or went to. */
function sisters(context: ServiceContext, record: ImageRecord, { host, path }: Reference): string[] {
  const digests = new Set(record.layers.map(({ digest }) => digest))
  const found = context.images
    .list()
    .filter(({ layers }) => layers.some(({ digest }) => digests.has(digest)))
    .flatMap(({ repoDigests }) => repoDigests.map((one) => parseReference(one)))
    .filter((other) => other.host === host && other.path !== path)
    .map((other) => other.path)
  return [...new Set(found)]
}

async function uploadBlobs(
  context: ServiceContext,
  repository: Repository,
  { record, reference, options }: { record: ImageRecord; reference: Reference; options: PushOptions },
): Promise<void> {
  const { signal, onProgress } = options
  const mountFrom = sisters(context, record, reference)
  // A layer that comes twice goes once.
  const layers = [...new Map(record.layers.map((layer) => [layer.digest, layer])).values()]
  const sized = await Promise.all(
    layers.map(async ({ digest }) => ({ digest, size: (await stat(context.layout.blob(digest))).size })),
  )
  type State = Extract<PushProgress, { type: 'layer' }>['state']
  const tell = ({ digest, size }: { digest: string; size: number }, state: State, currentBytes: number) =>
    onProgress({ type: 'layer', layer: digest.slice(7, 19), state, currentBytes, totalBytes: size })
  for (const layer of sized) tell(layer, 'waiting', 0)
  await inParallel(PARALLEL, sized, async (layer) => {
    const outcome = await repository.upload({
      ...layer,
      source: { file: context.layout.blob(layer.digest) },
      mountFrom,
      signal,
      onProgress: (bytes) => tell(layer, 'uploading', bytes),
    })
    tell(layer, outcome, layer.size)
  })
  const config = await readFile(context.layout.blob(record.id))
  await repository.upload({
    digest: record.id,
    size: config.length,
    source: { bytes: config },
    mountFrom: [],
    signal,
    onProgress: () => {},
  })
}

/** The manifest that the image was pulled with, if it still describes our blobs: the digest stays the same. */
async function keptManifest(context: ServiceContext, record: ImageRecord): Promise<ManifestToPush | null> {
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
async function buildManifest(context: ServiceContext, record: ImageRecord): Promise<ManifestToPush> {
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
async function compressionOf(file: string): Promise<'' | '+gzip' | '+zstd'> {
  const handle = await open(file)
  try {
    const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    const magic = buffer.toString('hex')
    return magic.startsWith('1f8b') ? '+gzip' : magic === '28b52ffd' ? '+zstd' : ''
  } finally {
    await handle.close()
  }
}

async function remember(context: ServiceContext, id: string, repoDigest: string): Promise<void> {
  await context.locks.withLock('images', async () => {
    const record = context.images.get(id)
    if (record && !record.repoDigests.includes(repoDigest))
      await context.images.put({ ...record, repoDigests: [...record.repoDigests, repoDigest] })
  })
}
