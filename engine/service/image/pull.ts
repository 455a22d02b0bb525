import { EngineError } from '../../contract/errors.ts'
import type { PullProgress, RegistryAuth } from '../../contract/image.ts'
import { streamWork } from '../../lib/async.ts'
import { readDiffIds } from '../../lib/oci.ts'
import { parsePlatform } from '../../lib/platform.ts'
import { familiarReference, parseReference, type Reference } from '../../lib/reference.ts'
import type { DescribedImage, ResolvedImage } from '../../registry/manifests.ts'
import type { Repository } from '../../registry/registry.ts'
import { parseImageConfig } from '../../runtime/process.ts'
import type { ServiceContext } from '../context.ts'
import { commitImage } from './import.ts'

/** An image of a registry, and who we are there. */
export interface RemoteRequest {
  readonly reference: string
  readonly auth?: RegistryAuth | undefined
}
export interface PullRequest extends RemoteRequest {
  /** `os/architecture/variant`; `''` for this machine's. */
  readonly platform: string
  readonly allTags: boolean
}
interface Work {
  readonly signal: AbortSignal
  readonly onProgress: (progress: PullProgress) => void
}

/** Pulls an image by tag or digest and tells its progress. Leaving the loop cancels and leaves nothing behind. */
export function pullImage(
  context: ServiceContext,
  request: PullRequest,
  signal: AbortSignal,
): AsyncIterable<PullProgress> {
  return streamWork(signal, (stop, onProgress) => pull(context, request, { signal: stop, onProgress }))
}

/** What a reference names in its registry, without pulling it. */
export async function describeRemote(
  context: ServiceContext,
  request: RemoteRequest,
  signal: AbortSignal,
): Promise<DescribedImage> {
  const reference = parseReference(request.reference)
  const repository = await context.registry.open(reference, { access: 'pull', credentials: request.auth })
  return repository.describe(reference.digest || reference.tag || 'latest', signal)
}

async function pull(context: ServiceContext, request: PullRequest, work: Work): Promise<void> {
  const reference = parseReference(request.reference)
  if (request.allTags && (reference.tag || reference.digest)) {
    throw new EngineError('invalidArgument', 'pull.all-tags', "tag can't be used with --all-tags/-a")
  }
  work.onProgress({ type: 'stage', stage: 'resolving' })
  const sources = await context.registry.openSources(reference, request.auth)
  const tags = request.allTags
    ? await firstOf(sources, work.signal, (source) => source.tags(work.signal))
    : { value: [reference.tag || 'latest'] }
  for (const tag of tags.value) {
    await pullOne(context, { reference: { ...reference, tag }, platform: request.platform, sources }, work)
  }
  work.onProgress({ type: 'stage', stage: 'done' })
}

async function pullOne(
  context: ServiceContext,
  wanted: { readonly reference: Reference; readonly platform: string; readonly sources: readonly Repository[] },
  { signal, onProgress }: Work,
): Promise<void> {
  const { host, path, tag, digest } = wanted.reference
  const platform = {
    ...parsePlatform(wanted.platform, { os: 'linux', architecture: context.image.architecture }),
    isDemanded: wanted.platform !== '',
  }
  const { value: found, source } = await firstOf(wanted.sources, signal, (one) =>
    one.resolve(digest || tag, platform, signal),
  )
  // A pull by digest names no tag.
  const references = digest ? [] : [`${host}/${path}:${tag}`]
  const repoDigest = `${host}/${path}@${found.topDigest}`
  const id = found.manifest.config.digest
  const known = context.images.get(id)
  const isNew = !known?.repoDigests.includes(repoDigest) || references.some((name) => !known.references.includes(name))
  parseImageConfig(found.config.toString())
  onProgress({ type: 'stage', stage: 'downloading' })
  await install(context, { found, source, references, repoDigest }, { signal, onProgress })
  const name = digest ? `${host}/${path}@${digest}` : `${host}/${path}:${tag}`
  onProgress({
    type: 'image',
    id,
    name: familiarReference(name),
    references: references.map(familiarReference),
    digest: found.topDigest,
    isNew,
  })
}

function install(
  context: ServiceContext,
  image: {
    readonly found: ResolvedImage
    readonly source: Repository
    readonly references: readonly string[]
    readonly repoDigest: string
  },
  work: Work,
): Promise<void> {
  const { found, source, references, repoDigest } = image
  const { manifest } = found
  const id = manifest.config.digest
  const diffIds = readDiffIds(found.config, manifest.layers.length)
  return context.image.install({
    layers: manifest.layers.map(({ digest, size }, index) => ({
      digest,
      diffId: diffIds[index] ?? '',
      sizeBytes: size,
    })),
    documents: [id, found.manifestDigest],
    fetch: (layer, options) => source.download({ digest: layer.digest, size: layer.sizeBytes, ...options }),
    ...work,
    commit: (layers) =>
      commitImage(context, {
        config: found.config,
        configDigest: id,
        layers,
        references,
        origin: {
          repoDigest,
          manifest: { digest: found.manifestDigest, mediaType: found.manifestType, bytes: found.manifestBytes },
        },
      }),
  })
}

/** The first source that answers; the registry itself comes last, and its error is the one that counts. */
async function firstOf<T>(
  sources: readonly Repository[],
  signal: AbortSignal,
  ask: (source: Repository) => Promise<T>,
): Promise<{ readonly value: T; readonly source: Repository }> {
  for (const [index, source] of sources.entries()) {
    try {
      return { value: await ask(source), source }
    } catch (error) {
      signal.throwIfAborted()
      if (index === sources.length - 1) throw error
    }
  }
  throw new EngineError('internal', 'pull.no-source', 'there is no registry to pull from')
}
