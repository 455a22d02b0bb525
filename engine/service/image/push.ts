import { readFile, stat } from 'node:fs/promises'
import { EngineError } from '../../contract/errors.ts'
import type { PushProgress, RegistryAuth } from '../../contract/image.ts'
import { inParallel, streamWork } from '../../lib/async.ts'
import { familiarReference, normalizeReference, parseReference, type Reference } from '../../lib/reference.ts'
import type { Repository } from '../../registry/registry.ts'
import type { ImageRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { compressLayers } from './compress.ts'
import { holdImage } from './find.ts'
import { readManifest } from './manifest.ts'
import { imageTeller } from './publish.ts'

const PARALLEL = 4

export interface PushRequest {
  readonly reference: string
  readonly auth?: RegistryAuth | undefined
}
interface PushOptions {
  readonly signal: AbortSignal
  readonly onProgress: (progress: PushProgress) => void
}
/** Pushes what a reference names to the registry that it names, and tells its progress. Leaving the loop cancels. */
export function pushImage(
  context: ServiceContext,
  request: PushRequest,
  signal: AbortSignal,
): AsyncIterable<PushProgress> {
  return streamWork(signal, (stop, onProgress) => push(context, request, { signal: stop, onProgress }))
}

/** Every local tag of a repository, as references; a name that has a tag is that alone. */
export function localTags(context: ServiceContext, name: string): string[] {
  const { host, path, tag } = parseReference(name)
  if (tag) return [name]
  const references = context.images.list().flatMap((record) => record.references)
  const found = references.filter((reference) => reference.startsWith(`${host}/${path}:`)).sort()
  if (found.length > 0) return found
  throw new EngineError(
    'notFound',
    'image.not-tagged',
    `An image does not exist locally with the tag: ${familiarReference(`${host}/${path}`)}`,
  )
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
    holdImage(lease, record)
    const ready = await compressLayers(context, lease, record, options.signal)
    const repository = await context.registry.open(reference, {
      access: 'pull,push',
      credentials: request.auth,
      alsoRead: sisters(context, ready, reference),
    })
    await uploadBlobs(context, repository, { record: ready, reference, options })
    const manifest = await readManifest(context, ready)
    const digest = await repository.putManifest({ tag: reference.tag, ...manifest, signal: options.signal })
    await remember(context, record.id, `${reference.host}/${reference.path}@${digest}`)
    ;(await imageTeller(context, record))('push', name)
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

async function remember(context: ServiceContext, id: string, repoDigest: string): Promise<void> {
  await context.locks.withLock('images', async () => {
    const record = context.images.get(id)
    if (record && !record.repoDigests.includes(repoDigest))
      await context.images.put({ ...record, repoDigests: [...record.repoDigests, repoDigest] })
  })
}
