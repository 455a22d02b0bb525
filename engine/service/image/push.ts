import { open, readFile, stat } from 'node:fs/promises'
import { EngineError } from '../../contract/errors.ts'
import type { PushProgress, RegistryAuth } from '../../contract/image.ts'
import { inParallel, streamWork } from '../../lib/async.ts'
import { buildManifest, parseManifestOrIndex } from '../../lib/oci.ts'
import { parseReference } from '../../lib/reference.ts'
import type { Repository } from '../../registry/registry.ts'
import type { Lease } from '../../store/content.ts'
import type { ImageRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { keepOrigin } from './import.ts'

const PARALLEL = 5

export interface PushRequest {
  readonly reference: string
  readonly auth?: RegistryAuth | undefined
}
interface Work {
  readonly signal: AbortSignal
  readonly onProgress: (progress: PushProgress) => void
}
/** An image as it goes to a registry. */
export interface PushableImage {
  readonly manifest: { readonly bytes: Buffer; readonly mediaType: string; readonly digest: string }
  readonly config: Buffer
}

/** Pushes what a tag names to the registry that it names. Leaving the loop cancels. */
export function pushImage(
  context: ServiceContext,
  request: PushRequest,
  signal: AbortSignal,
): AsyncIterable<PushProgress> {
  return streamWork(signal, async (stop, onProgress) => {
    const lease = context.image.content.open()
    try {
      await push(context, request, { lease, work: { signal: stop, onProgress } })
    } finally {
      await lease.release()
    }
  })
}

async function push(
  context: ServiceContext,
  request: PushRequest,
  { lease, work }: { lease: Lease; work: Work },
): Promise<void> {
  const { host, path, tag: named, digest } = parseReference(request.reference)
  if (digest) {
    throw new EngineError('invalidArgument', 'push.digest', 'cannot push a digest reference; name a tag')
  }
  const tag = named || 'latest'
  const record = findNamed(context, `${host}/${path}:${tag}`, request.reference)
  holdImage(lease, record)
  const image = await readPushable(context, record)
  const mountFrom = sistersOf(context, record, { host, path })
  const repository = await context.registry.open(
    { host, path },
    { access: 'pull,push', credentials: request.auth, alsoRead: mountFrom },
  )
  await pushLayers(context, record, { repository, mountFrom, work })
  await repository.upload({
    digest: record.id,
    size: image.config.length,
    source: { bytes: image.config },
    mountFrom,
    signal: work.signal,
    onProgress: () => undefined,
  })
  const { bytes, mediaType } = image.manifest
  const pushed = await repository.putManifest({ tag, bytes, mediaType, signal: work.signal })
  lease.hold(`blob:${pushed}`)
  await keepOrigin(context, record.id, { repoDigest: `${host}/${path}@${pushed}`, manifest: image.manifest })
  context.bus.publish({ type: 'image', action: 'push', id: record.id, attributes: { name: `${host}/${path}:${tag}` } })
  work.onProgress({ type: 'pushed', tag, digest: pushed, sizeBytes: bytes.length })
}

function findNamed(context: ServiceContext, reference: string, asked: string): ImageRecord {
  const found = context.images.list().find((record) => record.references.includes(reference))
  if (found) return found
  throw new EngineError('notFound', 'image.not-found', `An image does not exist locally with the tag: ${asked}`)
}

/** Other repositories of the registry that had this image, or one that shares a layer with it. */
function sistersOf(context: ServiceContext, record: ImageRecord, to: { host: string; path: string }): string[] {
  const digests = new Set(record.layers.map(({ digest }) => digest))
  const paths = context.images
    .list()
    .filter(({ layers }) => layers.some(({ digest }) => digests.has(digest)))
    .flatMap(({ repoDigests }) => repoDigests.map((one) => parseReference(one)))
    .filter((other) => other.host === to.host && other.path !== to.path)
    .map((other) => other.path)
  return [...new Set(paths)]
}

/** Keeps every part of an image from removal. Call it in the same turn in which the record was read. */
export function holdImage(lease: Lease, record: ImageRecord): void {
  lease.hold(`blob:${record.id}`)
  if (record.manifest) lease.hold(`blob:${record.manifest.digest}`)
  for (const { digest, chainId } of record.layers) lease.hold(`blob:${digest}`, `layer:${chainId}`)
}

/** The manifest that its registry had, or one made of what lies here. */
export async function readPushable(context: ServiceContext, record: ImageRecord): Promise<PushableImage> {
  const { layout } = context
  const config = await readFile(layout.blob(record.id))
  const kept = await readKeptManifest(context, record)
  if (kept) return { config, manifest: kept }
  const layers = await Promise.all(
    record.layers.map(async ({ digest }) => {
      const file = layout.blob(digest)
      return { digest, size: (await stat(file)).size, head: await readHead(file) }
    }),
  )
  return { config, manifest: buildManifest({ digest: record.id, size: config.length }, layers) }
}

/** The manifest that the image was pulled with, while it describes our blobs: layers may have come another way. */
async function readKeptManifest(
  { layout }: ServiceContext,
  record: ImageRecord,
): Promise<PushableImage['manifest'] | null> {
  if (!record.manifest) return null
  const bytes = await readFile(layout.blob(record.manifest.digest))
  const read = parseManifestOrIndex(bytes, `the manifest ${record.manifest.digest}`)
  if (!('manifest' in read)) return null
  const same = read.manifest.layers.every(({ digest }, index) => digest === record.layers[index]?.digest)
  return same ? { ...record.manifest, bytes } : null
}

async function readHead(file: string): Promise<Buffer> {
  const handle = await open(file, 'r')
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

async function pushLayers(
  context: ServiceContext,
  record: ImageRecord,
  { repository, mountFrom, work }: { repository: Repository; mountFrom: readonly string[]; work: Work },
): Promise<void> {
  const { signal, onProgress } = work
  const digests = [...new Set(record.layers.map(({ digest }) => digest))]
  const sizes = await Promise.all(digests.map(async (digest) => (await stat(context.layout.blob(digest))).size))
  const layers = digests.map((digest, index) => ({ digest, size: sizes[index] ?? 0 }))
  type State = Extract<PushProgress, { type: 'layer' }>['state']
  const tell = ({ digest, size }: (typeof layers)[number], state: State, currentBytes: number) =>
    onProgress({ type: 'layer', layer: digest.slice(7, 19), state, currentBytes, totalBytes: size })
  for (const layer of layers) tell(layer, 'waiting', 0)
  await inParallel(PARALLEL, layers, async (layer) => {
    const outcome = await repository.upload({
      ...layer,
      source: { file: context.layout.blob(layer.digest) },
      mountFrom,
      signal,
      onProgress: (bytes) => tell(layer, 'uploading', bytes),
    })
    tell(layer, outcome, layer.size)
  })
}
