import { randomBytes } from 'node:crypto'
import { rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { PullProgress } from '../contract/image.ts'
import { inParallel } from '../lib/async.ts'
import { chainIds } from '../lib/digest.ts'
import { syncFolder } from '../store/atomic-file.ts'
import type { Lease } from '../store/content.ts'
import { type ImportedLayer, type LayerTools, obtainLayer } from './layers.ts'

const PARALLEL = 4

export interface RemoteLayer {
  readonly digest: string
  readonly diffId: string
  readonly sizeBytes: number
}

export interface InstallOptions extends LayerTools {
  readonly layers: readonly RemoteLayer[]
  /** Other blobs that the commit will write. */
  readonly documents: readonly string[]
  /** Writes a verified layer's bytes to a new file, and to the disk. */
  readonly fetch: (
    layer: RemoteLayer,
    options: {
      readonly file: string
      readonly signal: AbortSignal
      readonly onProgress: (currentBytes: number) => void
    },
  ) => Promise<void>
  readonly commit: (layers: readonly ImportedLayer[]) => Promise<void>
  readonly onProgress: (progress: PullProgress) => void
  readonly signal: AbortSignal
}
type LayerState = Extract<PullProgress, { type: 'layer' }>['state']

/** Progress that is worth telling: at most so many steps a layer, and none smaller than a chunk of a disk. */
const STEPS = 200
const MIN_STEP_BYTES = 256 * 1024

/** Fetches and unpacks the layers that are missing, some at a time, and commits. A failure leaves nothing. */
export async function installImage(options: InstallOptions): Promise<void> {
  const lease = options.content.open()
  try {
    const chain = chainIds(options.layers.map((layer) => layer.diffId))
    const done: ImportedLayer[] = []
    for (const layer of options.layers) tell(options, layer, 'waiting', 0)
    await inParallel(PARALLEL, options.layers, async (layer, index) => {
      done[index] = await installLayer(options, lease, { ...layer, chainId: chain[index] as string })
    })
    options.signal.throwIfAborted()
    for (const digest of options.documents) lease.hold(`blob:${digest}`)
    await options.commit(done)
  } finally {
    await lease.release()
  }
}

async function installLayer(
  options: InstallOptions,
  lease: Lease,
  layer: RemoteLayer & { readonly chainId: string },
): Promise<ImportedLayer> {
  const { signal } = options
  const existing = options.findLayer(layer.chainId)
  if (existing) {
    lease.hold(`layer:${existing.chainId}`, `blob:${existing.digest}`)
    tell(options, layer, 'exists', layer.sizeBytes)
    return existing
  }
  await obtainBlob(options, lease, layer)
  const source = { path: options.layout.blob(layer.digest), offset: 0, length: layer.sizeBytes }
  const onProgress = tellSteps(options, layer, 'unpacking')
  const obtained = await obtainLayer(options, lease, { ...layer, source }, { signal, onProgress, isBlob: true })
  tell(options, layer, 'done', layer.sizeBytes)
  return obtained.layer
}

/** The blob from the store, or fetched; two pulls of the same fetch it once. */
function obtainBlob(options: InstallOptions, lease: Lease, layer: RemoteLayer): Promise<void> {
  const { layout, signal } = options
  return lease.obtain(`blob:${layer.digest}`, signal, async () => {
    const file = layout.blob(layer.digest)
    // What has this name was verified before it got it.
    if (await stat(file).catch(() => null)) return
    const part = path.join(layout.blobs, `.${randomBytes(6).toString('hex')}.tmp`)
    try {
      await options.fetch(layer, { file: part, signal, onProgress: tellSteps(options, layer, 'downloading') })
      await rename(part, file)
    } catch (error) {
      await rm(part, { force: true })
      throw error
    }
    await syncFolder(layout.blobs)
  })
}

function tellSteps(options: InstallOptions, layer: RemoteLayer, state: LayerState): (bytes: number) => void {
  const step = Math.max(MIN_STEP_BYTES, layer.sizeBytes / STEPS)
  let told = 0
  tell(options, layer, state, 0)
  return (bytes) => {
    if (bytes < told + step && bytes < layer.sizeBytes) return
    told = bytes
    tell(options, layer, state, bytes)
  }
}

function tell({ onProgress }: InstallOptions, layer: RemoteLayer, state: LayerState, currentBytes: number): void {
  onProgress({ type: 'layer', layer: layer.digest.slice(7, 19), state, currentBytes, totalBytes: layer.sizeBytes })
}
