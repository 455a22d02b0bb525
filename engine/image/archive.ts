import { z } from 'zod'
import { EngineError } from '../contract/errors.ts'
import type { ArchiveEntry, ByteRange } from '../host/host.ts'
import { assertDigest, digestOf } from '../lib/digest.ts'
import {
  type Descriptor,
  invalidImage,
  MAX_DOCUMENT_BYTES,
  parseDocument,
  parseManifestOrIndex,
  readDiffIds,
} from '../lib/oci.ts'
import { choosePlatform, formatPlatform, isAttestation } from '../lib/platform.ts'
import { normalizeReference } from '../lib/reference.ts'

/** An image as an archive describes it: verified documents, layers by where they lie. */
export interface ImagePlan {
  readonly config: Buffer
  readonly configDigest: string
  readonly references: readonly string[]
  readonly layers: readonly { readonly source: ByteRange; readonly digest: string; readonly diffId: string }[]
}

/** The archive as planning sees it. */
export interface ArchiveView {
  readonly path: string
  readonly entries: readonly ArchiveEntry[]
  readonly isCut: boolean
  /** Reads a small entry whole. */
  read(entry: ArchiveEntry): Promise<Buffer>
}

const Manifests = z.array(
  z.object({ Config: z.string(), RepoTags: z.array(z.string()).nullish(), Layers: z.array(z.string()) }),
)
/** A blob of an OCI layout, a layer of an older archive. */
const IMAGE_PART = /^(blobs\/sha256\/[0-9a-f]{64}|[0-9a-f]{64}\/layer\.tar)$/

/** Reads what an archive holds. `null` when it is no image archive but may be a root file system. */
export async function planArchive(view: ArchiveView, architecture: string): Promise<ImagePlan[] | null> {
  const find = createFinder(view.entries)
  // One that is a link to nowhere is refused further down; it does not make a root file system of the archive.
  const has = (name: string) => view.entries.some((entry) => entry.type !== 'directory' && normal(entry.name) === name)
  const index = ['manifest.json', 'index.json'].find(has)
  if (!index) {
    // Cut between two files, an archive is a whole tar: its image must not become files of a root file system.
    const part = view.entries.find(({ name }) => IMAGE_PART.test(normal(name)))
    if (!part) return null
    throw invalidImage(
      'archive.truncated',
      `the archive has parts of an image (${normal(part.name)}), but neither manifest.json nor index.json: it is cut short`,
    )
  }
  if (view.isCut)
    throw invalidImage(
      'archive.too-many-entries',
      `the archive has ${index} as an image has, and too many files for one`,
    )
  return index === 'manifest.json' ? planDockerArchive(view, find) : planOciLayout(view, { find, architecture })
}

type Find = (name: string) => ArchiveEntry | undefined

/** Entries by name; links inside the archive are followed, since older `docker save` repeats layers by symlink. */
function createFinder(entries: readonly ArchiveEntry[]): Find {
  const byName = new Map(entries.map((entry) => [normal(entry.name), entry]))
  const find = (name: string, hops = 0): ArchiveEntry | undefined => {
    const entry = byName.get(normal(name))
    if (entry?.type !== 'symlink' && entry?.type !== 'link') return entry
    if (hops > 8) return undefined
    const base = entry.type === 'link' ? '' : normal(name).split('/').slice(0, -1).join('/')
    return find(`${base}/${entry.linkName}`, hops + 1)
  }
  return (name) => find(name)
}

function normal(name: string): string {
  const parts: string[] = []
  for (const part of name.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts.join('/')
}

async function planDockerArchive(view: ArchiveView, find: Find): Promise<ImagePlan[]> {
  const manifests = parseDocument(Manifests, await readDocument(view, find, 'manifest.json'), 'manifest.json')
  if (manifests.length === 0) throw invalidImage('archive.empty', 'manifest.json names no image')
  const plans: ImagePlan[] = []
  for (const manifest of manifests) {
    const config = await readDocument(view, find, manifest.Config)
    const named = /([0-9a-f]{64})(\.json)?$/.exec(manifest.Config)?.[1]
    const configDigest = digestOf(config)
    if (named && configDigest !== `sha256:${named}`) {
      throw new EngineError(
        'invalidArgument',
        'config.digest-mismatch',
        `the config ${manifest.Config} has digest ${configDigest}`,
        { details: { expected: `sha256:${named}`, actual: configDigest } },
      )
    }
    const diffIds = readDiffIds(config, manifest.Layers.length)
    plans.push({
      config,
      configDigest,
      references: (manifest.RepoTags ?? []).map(normalizeReference),
      layers: manifest.Layers.map((name, index) => ({
        source: rangeOf(view, requireFile(find, name)),
        digest: /^blobs\/sha256\/[0-9a-f]{64}$/.test(name) ? `sha256:${name.slice('blobs/sha256/'.length)}` : '',
        diffId: diffIds[index] ?? '',
      })),
    })
  }
  return plans
}

async function planOciLayout(
  view: ArchiveView,
  { find, architecture }: { find: Find; architecture: string },
): Promise<ImagePlan[]> {
  const top = parseManifestOrIndex(await readDocument(view, find, 'index.json'), 'index.json')
  if (!('index' in top)) throw invalidImage('archive.bad-document', 'index.json is no index')
  const plans: ImagePlan[] = []
  const foreign: string[] = []
  for (const descriptor of top.index.manifests) {
    if (isAttestation(descriptor)) continue
    const references = namesOf(descriptor.annotations)
    const plan = choosePlatform([descriptor], { os: 'linux', architecture })
      ? await planManifest(view, { find, architecture, descriptor, depth: 0 })
      : null
    if (plan) plans.push({ ...plan, references })
    else foreign.push(descriptor.platform ? formatPlatform(descriptor.platform) : descriptor.digest)
  }
  if (plans.length > 0) return plans
  const others = foreign.length > 0 ? `; it has ${foreign.slice(0, 8).join(', ')}` : ''
  throw invalidImage('archive.empty', `index.json names no image for linux/${architecture}${others}`)
}

/**
 * What an index says an image is called. `org.opencontainers.image.ref.name` may be a tag alone, which names no
 * repository: such an image stays unnamed, as with `docker load`.
 */
function namesOf(annotations: Readonly<Record<string, string>> | null | undefined): string[] {
  const full = annotations?.['io.containerd.image.name']
  if (full) return [normalizeReference(full)]
  const name = annotations?.['org.opencontainers.image.ref.name'] ?? ''
  return /[/:]/.test(name) ? [normalizeReference(name)] : []
}

async function planManifest(
  view: ArchiveView,
  context: {
    readonly find: Find
    readonly architecture: string
    readonly descriptor: Descriptor
    readonly depth: number
  },
): Promise<ImagePlan | null> {
  const { find, descriptor, depth } = context
  if (depth > 4) throw invalidImage('manifest.too-deep', 'indexes are nested too deeply')
  const read = parseManifestOrIndex(await readBlob(view, find, descriptor), `manifest ${descriptor.digest}`)
  if ('index' in read) {
    const chosen = choosePlatform(read.index.manifests, { os: 'linux', architecture: context.architecture })
    return chosen ? planManifest(view, { ...context, descriptor: chosen, depth: depth + 1 }) : null
  }
  const { manifest } = read
  const config = await readBlob(view, find, manifest.config)
  const diffIds = readDiffIds(config, manifest.layers.length)
  return {
    config,
    configDigest: manifest.config.digest,
    references: [],
    layers: manifest.layers.map((layer, index) => {
      const entry = blobEntry(find, layer.digest)
      if (entry.size !== layer.size)
        throw invalidImage(
          'archive.size-mismatch',
          `layer ${layer.digest} has ${entry.size} bytes, the manifest says ${layer.size}`,
        )
      return { source: rangeOf(view, entry), digest: layer.digest, diffId: diffIds[index] ?? '' }
    }),
  }
}

async function readBlob(view: ArchiveView, find: Find, descriptor: Descriptor): Promise<Buffer> {
  const entry = blobEntry(find, descriptor.digest)
  if (entry.size !== descriptor.size)
    throw invalidImage(
      'archive.size-mismatch',
      `blob ${descriptor.digest} has ${entry.size} bytes, its descriptor says ${descriptor.size}`,
    )
  const bytes = await readEntry(view, entry)
  const actual = digestOf(bytes)
  if (actual !== descriptor.digest) {
    throw new EngineError(
      'invalidArgument',
      'archive.digest-mismatch',
      `blob ${descriptor.digest} has digest ${actual}`,
      { details: { expected: descriptor.digest, actual } },
    )
  }
  return bytes
}

function blobEntry(find: Find, digest: string): ArchiveEntry {
  return requireFile(find, `blobs/sha256/${assertDigest(digest, 'a descriptor').slice('sha256:'.length)}`)
}

function requireFile(find: Find, name: string): ArchiveEntry {
  const entry = find(name)
  if (entry?.type === 'file') return entry
  throw invalidImage('archive.missing-entry', `the archive has no file ${JSON.stringify(name.slice(0, 200))}`)
}

function readDocument(view: ArchiveView, find: Find, name: string): Promise<Buffer> {
  return readEntry(view, requireFile(find, name))
}

function readEntry(view: ArchiveView, entry: ArchiveEntry): Promise<Buffer> {
  if (entry.size > MAX_DOCUMENT_BYTES) {
    return Promise.reject(
      invalidImage(
        'manifest.too-large',
        `${entry.name} has ${entry.size} bytes; manifests and configs may have ${MAX_DOCUMENT_BYTES}`,
      ),
    )
  }
  return view.read(entry)
}

function rangeOf(view: ArchiveView, entry: ArchiveEntry): ByteRange {
  return { path: view.path, offset: entry.offset, length: entry.size }
}
