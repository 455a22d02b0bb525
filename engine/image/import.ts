import { open, rm } from 'node:fs/promises'
import path from 'node:path'
import type { ImportProgress } from '../contract/image.ts'
import type { ArchiveEntry, ScanArchiveResult } from '../host/host.ts'
import { inParallel } from '../lib/async.ts'
import type { RunConfig } from '../lib/config-changes.ts'
import { chainIds, digestOf } from '../lib/digest.ts'
import type { Platform } from '../lib/platform.ts'
import { familiarReference, normalizeReference } from '../lib/reference.ts'
import type { Lease } from '../store/content.ts'
import { type ImagePlan, planArchive } from './archive.ts'
import { type ImportedLayer, type LayerTools, obtainLayer, obtainRootFs } from './layers.ts'

const PARALLEL = 2

export interface ImportOptions extends LayerTools {
  readonly path: string
  /** Refuses a config that no container could be made of. */
  readonly checkConfig: (config: Buffer) => void
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

/**
 * Imports every image of an archive: plan, unpack what is missing two layers at a time, commit once all are whole. A
 * failure leaves nothing, of the other images neither.
 */
export async function importArchive(options: ImportOptions): Promise<void> {
  const { host, signal, onProgress, layout } = options
  onProgress({ type: 'stage', stage: 'reading' })
  const scan = await host.scanArchive({ path: options.path, temporaryFolder: layout.temporary }, { signal })
  const lease = options.content.open()
  try {
    const plans = await readPlans(scan, options.architecture)
    for (const plan of plans ?? []) options.checkConfig(plan.config)
    onProgress({ type: 'stage', stage: 'unpacking' })
    if (!plans) await importRootFs(options, lease, { tarPath: scan.path, ...factsAfterFile(options) })
    const images: Parameters<ImportOptions['commit']>[0][] = []
    for (const plan of plans ?? []) images.push({ ...plan, layers: await obtainLayers(options, lease, plan) })
    for (const image of images) await commit(options, lease, image)
    onProgress({ type: 'stage', stage: 'done' })
  } finally {
    await lease.release()
    if (scan.isTemporary) await rm(scan.path, { force: true })
  }
}

async function readPlans(scan: ScanArchiveResult, architecture: string): Promise<ImagePlan[] | null> {
  const handle = await open(scan.path, 'r')
  try {
    const read = async (entry: ArchiveEntry) => {
      const buffer = Buffer.alloc(entry.size)
      await handle.read(buffer, 0, entry.size, entry.offset)
      return buffer
    }
    return await planArchive({ ...scan, read }, architecture)
  } finally {
    await handle.close()
  }
}

async function obtainLayers(options: ImportOptions, lease: Lease, plan: ImagePlan): Promise<ImportedLayer[]> {
  const { signal } = options
  const chain = chainIds(plan.layers.map((layer) => layer.diffId))
  const layers: ImportedLayer[] = []
  for (const layer of plan.layers) tellLayer(options, layer, 'waiting')(0)
  await inParallel(PARALLEL, plan.layers, async (layer, index) => {
    const tell = tellLayer(options, layer, 'unpacking')
    tell(0)
    const chainId = chain[index] as string
    const obtained = await obtainLayer(options, lease, { ...layer, chainId }, { signal, onProgress: tell })
    layers[index] = obtained.layer
    tellLayer(options, layer, obtained.existed ? 'exists' : 'done')(layer.source.length)
  })
  return layers
}

const tellLayer =
  (
    { onProgress }: ImportOptions,
    { diffId, source }: ImagePlan['layers'][number],
    state: 'waiting' | 'unpacking' | 'done' | 'exists',
  ) =>
  (currentBytes: number) =>
    onProgress({ type: 'layer', layer: diffId.slice(7, 19), state, currentBytes, totalBytes: source.length })

async function commit(
  options: ImportOptions,
  lease: Lease,
  image: Parameters<ImportOptions['commit']>[0],
): Promise<void> {
  options.signal.throwIfAborted()
  lease.hold(`blob:${image.configDigest}`)
  await options.commit(image)
  const references = image.references.map(familiarReference)
  options.onProgress({ type: 'image', id: image.configDigest, references })
}

/** What an image of a plain root file system is to say of itself. */
export interface RootFsFacts {
  readonly references: readonly string[]
  readonly config: RunConfig
  readonly comment: string
  readonly platform: Platform
}

/** Imports a tar (gzip, zstd) as one layer, whatever it holds. */
export async function importTar(options: ImportOptions, facts: RootFsFacts): Promise<void> {
  const { host, signal, layout } = options
  const scan = await host.scanArchive({ path: options.path, temporaryFolder: layout.temporary }, { signal })
  const lease = options.content.open()
  try {
    await importRootFs(options, lease, { tarPath: scan.path, ...facts })
  } finally {
    await lease.release()
    if (scan.isTemporary) await rm(scan.path, { force: true })
  }
}

/** A plain tar of a root file system as an image of one layer. */
async function importRootFs(
  options: ImportOptions,
  lease: Lease,
  { tarPath, ...facts }: RootFsFacts & { readonly tarPath: string },
): Promise<void> {
  const { signal } = options
  const handle = await open(tarPath, 'r')
  const { size } = await handle.stat().finally(() => handle.close())
  const source = { path: tarPath, offset: 0, length: size }
  const tell = (state: 'unpacking' | 'done', currentBytes: number) =>
    options.onProgress({ type: 'layer', layer: 'rootfs', state, currentBytes, totalBytes: size })
  tell('unpacking', 0)
  const layer = await obtainRootFs(options, lease, source, { signal, onProgress: (bytes) => tell('unpacking', bytes) })
  tell('done', size)
  const created = options.now().toISOString()
  const config = Buffer.from(
    JSON.stringify({
      created,
      architecture: facts.platform.architecture,
      os: facts.platform.os,
      ...(facts.platform.variant ? { variant: facts.platform.variant } : {}),
      config: facts.config,
      rootfs: { type: 'layers', diff_ids: [layer.diffId] },
      history: [{ created, comment: facts.comment }],
    }),
  )
  options.checkConfig(config)
  const { references } = facts
  await commit(options, lease, { config, configDigest: digestOf(config), layers: [layer], references })
}

/** A tar that is dropped in is named after its file. */
function factsAfterFile({ path: file, architecture }: ImportOptions): RootFsFacts {
  return {
    references: [normalizeReference(nameAfter(file))],
    config: {},
    comment: `imported from ${path.basename(file)}`,
    platform: { os: 'linux', architecture },
  }
}

function nameAfter(file: string): string {
  const name = path
    .basename(file)
    .replace(/\.(tar|tgz|tar\.\w+|gz|zst)$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return `${name || 'imported'}:latest`
}
