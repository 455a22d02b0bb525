import type { PullProgress, RegistryAuth } from '../../contract/image.ts'
import { streamWork } from '../../lib/async.ts'
import { readDiffIds } from '../../lib/oci.ts'
import { parsePlatform } from '../../lib/platform.ts'
import { familiarReference, parseReference } from '../../lib/reference.ts'
import { parseImageConfig } from '../../runtime/process.ts'
import type { ServiceContext } from '../context.ts'
import { commitImage } from './import.ts'

export interface PullRequest {
  readonly reference: string
  /** `os/architecture/variant`; `''` for this machine's. */
  readonly platform: string
  readonly auth?: RegistryAuth | undefined
}

/** Pulls an image by tag or digest and tells its progress. Leaving the loop cancels and leaves nothing behind. */
export function pullImage(
  context: ServiceContext,
  request: PullRequest,
  signal: AbortSignal,
): AsyncIterable<PullProgress> {
  return streamWork(signal, (stop, onProgress) => pull(context, request, { signal: stop, onProgress }))
}

async function pull(
  context: ServiceContext,
  request: PullRequest,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (progress: PullProgress) => void },
): Promise<void> {
  const reference = parseReference(request.reference)
  const { host, path } = reference
  const tag = reference.tag || (reference.digest ? '' : 'latest')
  onProgress({ type: 'stage', stage: 'resolving' })
  const source = await context.registry.openSource(reference, request.auth)
  const platform = {
    ...parsePlatform(request.platform, { os: 'linux', architecture: context.image.architecture }),
    isDemanded: request.platform !== '',
  }
  const target = reference.digest || tag
  const found = await source.resolve(target, platform, signal)
  // A pull by digest names no tag.
  const references = tag && !reference.digest ? [`${host}/${path}:${tag}`] : []
  const repoDigest = `${host}/${path}@${found.topDigest}`
  const id = found.manifest.config.digest
  const known = context.images.get(id)
  const isNew = !known?.repoDigests.includes(repoDigest) || references.some((name) => !known.references.includes(name))
  parseImageConfig(found.config.toString())
  const diffIds = readDiffIds(found.config, found.manifest.layers.length)
  onProgress({ type: 'stage', stage: 'downloading' })
  await context.image.install({
    layers: found.manifest.layers.map(({ digest, size }, index) => ({
      digest,
      diffId: diffIds[index] ?? '',
      sizeBytes: size,
    })),
    documents: [id, found.manifestDigest],
    fetch: ({ digest, sizeBytes }, options) => source.download({ digest, size: sizeBytes, ...options }),
    signal,
    onProgress,
    commit: (layers) =>
      commitImage(
        context,
        {
          config: found.config,
          configDigest: id,
          layers,
          references,
          origin: {
            repoDigest,
            manifest: { digest: found.manifestDigest, mediaType: found.manifestType, bytes: found.manifestBytes },
          },
        },
        'pull',
      ),
  })
  onProgress({ type: 'image', id, references: references.map(familiarReference), digest: found.topDigest, isNew })
  onProgress({ type: 'stage', stage: 'done' })
}
