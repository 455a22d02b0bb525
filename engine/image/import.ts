import { open, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { ImportProgress } from '../contract/image.ts'
import type { Host, UnpackProgress } from '../host/host.ts'
import { chainIds, digestOf } from '../lib/digest.ts'
import { type ImagePlan, planArchive } from './archive.ts'

const PARALLEL = 2

export interface ImportedLayer {
  readonly digest: string
  readonly diffId: string
  readonly chainId: string
  readonly sizeBytes: number
}

export interface ImportOptions {
  readonly host: Host
  readonly path: string
  readonly temporaryFolder: string
  readonly blobFolder: string
  readonly layerFolder: (chainId: string) => string
  /** The layer as an image already has it. */
  readonly findLayer: (chainId: string) => ImportedLayer | undefined
  readonly commit: (image: {
    config: Buffer
    configDigest: string
    layers: readonly ImportedLayer[]
    references: readonly string[]
  }) => Promise<void>
  readonly onProgress: (progress: ImportProgress) => void
  readonly signal: AbortSignal
  readonly architecture: string
  readonly now: () => Date
}

/** Imports every image of an archive: plan, unpack what is missing two layers at a time, commit. A failure leaves nothing. */
export async function importArchive(options: ImportOptions): Promise<void> {
  const { host, signal, onProgress } = options
  onProgress({ type: 'stage', stage: 'reading' })
  const scan = await host.scanArchive({ path: options.path, temporaryFolder: options.temporaryFolder }, { signal })
  const made: string[] = []
  try {
    const handle = await open(scan.path, 'r')
    let plans: ImagePlan[] | null
    try {
      const read = async (entry: { offset: number; size: number }) => {
        const buffer = Buffer.alloc(entry.size)
        await handle.read(buffer, 0, entry.size, entry.offset)
        return buffer
      }
      plans = await planArchive({ ...scan, read }, options.architecture)
    } finally {
      await handle.close()
    }
    onProgress({ type: 'stage', stage: 'unpacking' })
    for (const plan of plans ?? [await planRootFs(options, scan.path)]) await importImage(options, plan, made)
    onProgress({ type: 'stage', stage: 'done' })
  } catch (error) {
    for (const folder of made)
      if (!options.findLayer(`sha256:${path.basename(folder)}`)) await host.removeTree({ path: folder })
    throw error
  } finally {
    if (scan.isTemporary) await rm(scan.path, { force: true })
  }
}

async function importImage(options: ImportOptions, plan: ImagePlan, made: string[]): Promise<void> {
  const { host, signal, onProgress } = options
  const chain = chainIds(plan.layers.map((layer) => layer.diffId))
  const layers: ImportedLayer[] = []
  for (const { diffId, source } of plan.layers) {
    onProgress({
      type: 'layer',
      layer: diffId.slice(7, 19),
      state: 'waiting',
      currentBytes: 0,
      totalBytes: source.length,
    })
  }
  await inParallel(plan.layers, async (layer, index) => {
    const chainId = chain[index] as string
    const tell = (state: 'unpacking' | 'done' | 'exists', currentBytes: number) =>
      onProgress({
        type: 'layer',
        layer: layer.diffId.slice(7, 19),
        state,
        currentBytes,
        totalBytes: layer.source.length,
      })
    const existing = options.findLayer(chainId)
    if (existing) {
      layers[index] = existing
      return tell('exists', layer.source.length)
    }
    tell('unpacking', 0)
    const destination = options.layerFolder(chainId)
    const result = await host.unpackLayer(
      { source: layer.source, destination, digest: layer.digest, diffId: layer.diffId, blobFolder: options.blobFolder },
      { signal, onProgress: (progress) => tell('unpacking', (progress as UnpackProgress).currentBytes) },
    )
    made.push(destination)
    layers[index] = { ...result, chainId }
    tell('done', layer.source.length)
  })
  await options.commit({ config: plan.config, configDigest: plan.configDigest, layers, references: plan.references })
  onProgress({ type: 'image', id: plan.configDigest, references: [...plan.references] })
}

/** Runs work two at a time; the first failure is thrown once what runs has ended. */
async function inParallel<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0
  let failure: unknown
  const lane = async () => {
    while (next < items.length && failure === undefined) {
      const index = next++
      await work(items[index] as T, index).catch((error: unknown) => {
        failure ??= error
      })
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, lane))
  if (failure !== undefined) throw failure
}

/** A plain tar of a root file system as an image of one layer, named after its file. */
async function planRootFs(options: ImportOptions, tarPath: string): Promise<ImagePlan> {
  const { size } = await stat(tarPath)
  const probe = path.join(options.temporaryFolder, `rootfs-${Date.now().toString(36)}`)
  const source = { path: tarPath, offset: 0, length: size }
  const { diffId } = await options.host.unpackLayer(
    { source, destination: probe, digest: '', diffId: '', blobFolder: '' },
    { signal: options.signal },
  )
  await options.host.removeTree({ path: probe })
  const created = options.now().toISOString()
  const config = Buffer.from(
    JSON.stringify({
      created,
      architecture: options.architecture,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [diffId] },
      history: [{ created, created_by: `imported from ${path.basename(options.path)}` }],
    }),
  )
  const name = path
    .basename(options.path)
    .replace(/\.(tar|tgz|tar\.\w+|gz|zst)$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return {
    config,
    configDigest: digestOf(config),
    references: [`${name || 'imported'}:latest`],
    layers: [{ source, digest: diffId, diffId }],
  }
}
