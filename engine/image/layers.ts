import { rename, stat } from 'node:fs/promises'
import type { ByteRange, Host, UnpackProgress } from '../host/host.ts'
import { chainIds, digestOf } from '../lib/digest.ts'
import type { ContentStore, Lease } from '../store/content.ts'
import type { Layout } from '../store/layout.ts'

/** A layer that lies unpacked in the store. */
export interface ImportedLayer {
  readonly digest: string
  readonly diffId: string
  readonly chainId: string
  /** Bytes of its regular files. */
  readonly sizeBytes: number
}

/** A layer to be unpacked. `digest` is `''` where the source does not say it. */
export interface LayerPlan {
  readonly source: ByteRange
  readonly digest: string
  readonly diffId: string
}

/** What every way of bringing an image in works with. */
export interface LayerTools {
  readonly host: Host
  readonly layout: Layout
  readonly content: ContentStore
  /** Layers that are unpacked and verified, named by a record or not yet. */
  readonly findLayer: (chainId: string) => ImportedLayer | undefined
  readonly rememberLayer: (layer: ImportedLayer) => void
}

export interface LayerOptions {
  readonly signal: AbortSignal
  readonly onProgress: (currentBytes: number) => void
  /** Where the bytes come from a blob of the store already, they are not written again. */
  readonly isBlob?: boolean
}

/**
 * A layer from the store, or unpacked into it. Two that want the same share the work; when the first fails, for its
 * bytes were bad or it was canceled, the next tries with its own.
 */
export function obtainLayer(
  tools: LayerTools,
  lease: Lease,
  layer: LayerPlan & { readonly chainId: string },
  options: LayerOptions,
): Promise<{ readonly layer: ImportedLayer; readonly existed: boolean }> {
  const { chainId, digest } = layer
  return lease.obtain(`layer:${chainId}`, options.signal, async () => {
    const existing = tools.findLayer(chainId)
    if (existing) {
      lease.hold(`blob:${existing.digest}`)
      return { layer: existing, existed: true }
    }
    if (digest) lease.hold(`blob:${digest}`)
    const made = await unpackInto(tools, lease, { ...layer, destination: tools.layout.layer(chainId) }, options)
    const result: ImportedLayer = { ...made, chainId }
    tools.rememberLayer(result)
    return { layer: result, existed: false }
  })
}

/** A layer that itself defines what it is: unpacked first, then put in the place that its content gives it. */
export async function obtainRootFs(
  tools: LayerTools,
  lease: Lease,
  source: ByteRange,
  options: LayerOptions,
): Promise<ImportedLayer> {
  const { host, layout } = tools
  const destination = `${layout.layer(digestOf(`${source.path} ${process.hrtime.bigint()}`))}.rootfs.tmp`
  try {
    const made = await unpackInto(tools, lease, { source, digest: '', diffId: '', destination }, options)
    const [chainId = ''] = chainIds([made.diffId])
    return await lease.obtain(`layer:${chainId}`, options.signal, async () => {
      const existing = tools.findLayer(chainId)
      if (existing) {
        lease.hold(`blob:${existing.digest}`)
        return existing
      }
      await rename(destination, layout.layer(chainId))
      const result = { ...made, chainId }
      tools.rememberLayer(result)
      return result
    })
  } finally {
    await host.removeTree({ path: destination })
  }
}

/** Unpacks and holds the blob. A blob that another image's removal took away in that moment is made again. */
async function unpackInto(
  tools: LayerTools,
  lease: Lease,
  layer: LayerPlan & { readonly destination: string },
  options: LayerOptions,
): Promise<Omit<ImportedLayer, 'chainId'>> {
  const { host, layout } = tools
  const { source, destination, digest, diffId } = layer
  const onProgress = (progress: unknown) => options.onProgress((progress as UnpackProgress).currentBytes)
  for (;;) {
    const made = await host.unpackLayer(
      { source, destination, digest, diffId, blobFolder: options.isBlob ? '' : layout.blobs },
      { signal: options.signal, onProgress },
    )
    const isThere = await lease.obtain(`blob:${made.digest}`, options.signal, () =>
      stat(layout.blob(made.digest)).then(
        () => true,
        () => false,
      ),
    )
    if (isThere) return made
    await host.removeTree({ path: destination })
  }
}
