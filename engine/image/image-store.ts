import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Host } from '../host/host.ts'
import type { Locks } from '../lib/async.ts'
import { type ContentKey, type ContentStore, createContentStore, type Lease } from '../store/content.ts'
import type { Layout } from '../store/layout.ts'
import type { RecordStore } from '../store/records.ts'
import type { ContainerRecord, ImageRecord } from '../store/schema.ts'
import { type ImportOptions, importArchive, importTar, type RootFsFacts } from './import.ts'
import { type InstallOptions, installImage } from './install.ts'
import { type ImportedLayer, type LayerOptions, type LayerPlan, type LayerTools, obtainLayer } from './layers.ts'
import { writeStarterArchive } from './starter.ts'

const BUSYBOX = '/bin/busybox'
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'arm', ia32: '386' }
const HEX = /^[0-9a-f]{64}$/

export interface ImageStoreParts {
  readonly host: Host
  readonly layout: Layout
  readonly images: RecordStore<ImageRecord>
  readonly containers: RecordStore<ContainerRecord>
  readonly locks: Locks
  readonly now: () => Date
  readonly onFailure: (key: string, error: unknown) => void
}

/** The image mechanism: what images are made of, and the ways in. */
export function createImageStore(parts: ImageStoreParts) {
  const { host, layout, images, now } = parts
  const architecture = ARCHITECTURES[process.arch] ?? process.arch
  const unpacked = new Map<string, ImportedLayer>()
  let isSweepOwed = false
  const content = createContentStore({
    locks: parts.locks,
    namedOf: (keys) => namedOf(parts, keys),
    onFailure: parts.onFailure,
    onIdle() {
      if (!isSweepOwed) return
      isSweepOwed = false
      removeHalfMade(parts, content).catch((error: unknown) => parts.onFailure('half-made', error))
    },
    async remove(key) {
      if (key.startsWith('blob:')) {
        const digest = key.slice('blob:'.length)
        // A layer may have come to another blob meanwhile: it is known by its records then.
        for (const [chainId, layer] of unpacked) if (layer.digest === digest) unpacked.delete(chainId)
        return rm(layout.blob(digest), { force: true })
      }
      const chainId = key.slice('layer:'.length)
      unpacked.delete(chainId)
      await host.removeTree({ path: layout.layer(chainId) })
    },
  })
  const tools: LayerTools = {
    host,
    layout,
    content,
    findLayer: (chainId) =>
      unpacked.get(chainId) ??
      images
        .list()
        .flatMap((image) => image.layers)
        .find((layer) => layer.chainId === chainId),
    rememberLayer: (layer) => void unpacked.set(layer.chainId, layer),
  }
  return {
    content,
    tools,
    architecture,
    import: (options: Omit<ImportOptions, keyof LayerTools | 'architecture' | 'now'>) =>
      importArchive({ ...tools, ...options, architecture, now }),
    importTar: (options: Omit<ImportOptions, keyof LayerTools | 'architecture' | 'now'>, facts: RootFsFacts) =>
      importTar({ ...tools, ...options, architecture, now }, facts),
    /** Unpacks one more layer, and keeps it as a blob. */
    obtainLayer: (lease: Lease, layer: LayerPlan & { readonly chainId: string }, options: LayerOptions) =>
      obtainLayer(tools, lease, layer, options),
    install: (options: Omit<InstallOptions, keyof LayerTools>) => installImage({ ...tools, ...options }),
    writeStarter: (destination: string) =>
      writeStarterArchive({ busyboxPath: BUSYBOX, destination, architecture, now: now() }),
    /** Removes what nothing names; half-made things that may be somebody's own wait until nobody works. */
    async sweep() {
      if (!(await removeHalfMade(parts, content))) isSweepOwed = true
      return removeUnnamed(parts, content)
    },
  }
}
export type ImageStore = ReturnType<typeof createImageStore>

/** Those of these that a record names. A pass over all records, which of thousands takes a millisecond. */
function namedOf(parts: ImageStoreParts, keys: ReadonlySet<ContentKey>): Set<ContentKey> {
  const found = new Set<ContentKey>()
  for (const name of eachNamed(parts)) {
    if (keys.has(name)) found.add(name)
    if (found.size === keys.size) break
  }
  return found
}

function* eachNamed({ images, containers }: ImageStoreParts): Generator<ContentKey> {
  for (const image of images.list()) {
    yield `blob:${image.id}`
    if (image.manifest) yield `blob:${image.manifest.digest}`
    for (const layer of image.layers) {
      yield `layer:${layer.chainId}`
      yield `blob:${layer.digest}`
    }
  }
  for (const container of containers.list()) for (const chainId of container.chainIds) yield `layer:${chainId}`
}

/** Removes what lies there under a temporary name, which a crash of engine or keeper has left. Not while a lease is open. */
async function removeHalfMade({ host, layout }: ImageStoreParts, content: ContentStore): Promise<boolean> {
  const listed = await Promise.all([layout.layers, layout.blobs].map((folder) => readdir(folder)))
  // Names that were there before this moment belong to nobody: whoever begins now makes further ones.
  if (content.leaseCount > 0) return false
  const [layers = [], blobs = []] = listed.map((names) => names.filter((name) => !HEX.test(name)))
  for (const name of layers) await host.removeTree({ path: path.join(layout.layers, name) })
  for (const name of blobs) await rm(path.join(layout.blobs, name), { force: true })
  return true
}

/** Removes layers and blobs that no record and no lease names: what a crash or a removal has left over. */
async function removeUnnamed(parts: ImageStoreParts, content: ContentStore): Promise<ContentKey[]> {
  const { layout } = parts
  const [layers, blobs] = await Promise.all([readdir(layout.layers), readdir(layout.blobs)])
  const lying = [
    ...layers.filter((name) => HEX.test(name)).map((name): ContentKey => `layer:sha256:${name}`),
    ...blobs.filter((name) => HEX.test(name)).map((name): ContentKey => `blob:sha256:${name}`),
  ]
  return content.collect(lying)
}
