import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { SaveProgress } from '../../contract/image.ts'
import { streamWork } from '../../lib/async.ts'
import { digestOf } from '../../lib/digest.ts'
import { MEDIA_TYPES } from '../../lib/oci.ts'
import { familiarReference, parseReference } from '../../lib/reference.ts'
import { paddedSize } from '../../lib/tar-headers.ts'
import { encodeTarHeader, TAR_END } from '../../lib/tar-writer.ts'
import type { ImageRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { findImage, holdImage } from './find.ts'
import { type ImageManifest, readManifest } from './manifest.ts'
import { imageTeller } from './publish.ts'

/*
 * What `docker save` writes since version 25: an OCI layout that also has the older index beside it.
 *
 *   blobs/sha256/<hex>          configs, layers and manifests, each once
 *   oci-layout  index.json      for readers of OCI layouts
 *   manifest.json               for older readers; its paths name the same blobs
 */

const CHUNK_BYTES = 1024 * 1024
const STEP_BYTES = 4 * CHUNK_BYTES

interface SavedImage {
  readonly record: ImageRecord
  readonly references: readonly string[]
}
interface Described extends SavedImage {
  readonly manifest: ImageManifest & { readonly digest: string }
}

/** Images as one tar. Refused before the first byte when one is not there; nothing of them is removed meanwhile. */
export function saveImages(context: ServiceContext, refs: readonly string[]): AsyncIterable<Uint8Array> {
  chooseImages(context, refs)
  return writeArchive(context, refs)
}

/** The same into a new file of this machine. Leaving the loop leaves none. */
export function saveToFile(
  context: ServiceContext,
  { names, path }: { readonly names: readonly string[]; readonly path: string },
  signal: AbortSignal,
): AsyncIterable<SaveProgress> {
  return streamWork(signal, async (stop, onProgress) => {
    let writtenBytes = 0
    let toldBytes = 0
    const counted = async function* (source: AsyncIterable<Uint8Array>) {
      for await (const chunk of source) {
        yield chunk
        writtenBytes += chunk.length
        if (writtenBytes - toldBytes < STEP_BYTES) continue
        toldBytes = writtenBytes
        onProgress({ writtenBytes, isDone: false })
      }
    }
    const part = `${path}.part`
    try {
      await pipeline(saveImages(context, names), counted, createWriteStream(part, { mode: 0o600 }), { signal: stop })
      await rename(part, path)
    } catch (error) {
      await rm(part, { force: true })
      throw error
    }
    onProgress({ writtenBytes, isDone: true })
  })
}

/** Every image once, with the names that it was asked for by. */
function chooseImages(context: ServiceContext, refs: readonly string[]): SavedImage[] {
  const chosen = new Map<string, { record: ImageRecord; references: Set<string> }>()
  for (const ref of refs) {
    for (const { record, references } of matching(context, ref)) {
      const entry = chosen.get(record.id) ?? { record, references: new Set<string>() }
      chosen.set(record.id, entry)
      for (const reference of references) entry.references.add(reference)
    }
  }
  return [...chosen.values()].map(({ record, references }) => ({ record, references: [...references] }))
}

/** A name without a tag means every tag of the repository; an id or a digest has no name. */
function matching(context: ServiceContext, ref: string): SavedImage[] {
  const name = tryParse(ref)
  if (name && !name.digest) {
    const isWanted = (reference: string) =>
      name.tag
        ? reference === `${name.host}/${name.path}:${name.tag}`
        : reference.slice(0, reference.lastIndexOf(':')) === `${name.host}/${name.path}`
    const found = context.images
      .list()
      .map((record) => ({ record, references: record.references.filter(isWanted) }))
      .filter(({ references }) => references.length > 0)
    if (found.length > 0) return found
  }
  return [{ record: findImage(context.images, ref), references: [] }]
}

function tryParse(ref: string) {
  try {
    return parseReference(ref)
  } catch {
    return null
  }
}

async function* writeArchive(context: ServiceContext, refs: readonly string[]): AsyncIterable<Uint8Array> {
  const lease = context.image.content.open()
  try {
    const images = chooseImages(context, refs)
    for (const { record } of images) holdImage(lease, record)
    const described: Described[] = []
    const written = new Set<string>()
    for (const image of images) {
      const manifest = await readManifest(context, image.record)
      const digest = digestOf(manifest.bytes)
      described.push({ ...image, manifest: { ...manifest, digest } })
      for (const blob of [image.record.id, ...image.record.layers.map((layer) => layer.digest)]) {
        if (!written.has(blob)) yield* fileEntry(blobName(blob), context.layout.blob(blob))
        written.add(blob)
      }
      if (!written.has(digest)) yield textEntry(blobName(digest), manifest.bytes)
      written.add(digest)
    }
    yield textEntry('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'))
    yield textEntry('index.json', Buffer.from(JSON.stringify(buildIndex(described))))
    yield textEntry('manifest.json', Buffer.from(JSON.stringify(described.map(toLegacy))))
    yield TAR_END
    for (const { record } of images) (await imageTeller(context, record))('save')
  } finally {
    await lease.release()
  }
}

const blobName = (digest: string) => `blobs/${digest.replace(':', '/')}`

function buildIndex(images: readonly Described[]): object {
  const manifests = images.flatMap(({ manifest, references }) => {
    const descriptor = { mediaType: manifest.mediaType, digest: manifest.digest, size: manifest.bytes.length }
    if (references.length === 0) return [descriptor]
    return references.map((reference) => ({
      ...descriptor,
      annotations: {
        'io.containerd.image.name': reference,
        'org.opencontainers.image.ref.name': reference.slice(reference.lastIndexOf(':') + 1),
      },
    }))
  })
  return { schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests }
}

function toLegacy({ record, references }: Described): object {
  return {
    Config: blobName(record.id),
    RepoTags: references.length > 0 ? references.map(familiarReference) : null,
    Layers: record.layers.map(({ digest }) => blobName(digest)),
  }
}

const header = (name: string, size: number) =>
  encodeTarHeader({ name, type: 'file', size, mode: 0o644, uid: 0, gid: 0, mtime: 0 })
const padding = (size: number) => Buffer.alloc(paddedSize(size) - size)

function textEntry(name: string, content: Buffer): Buffer {
  return Buffer.concat([header(name, content.length), content, padding(content.length)])
}

async function* fileEntry(name: string, file: string): AsyncIterable<Uint8Array> {
  const { size } = await stat(file)
  yield header(name, size)
  yield* createReadStream(file, { highWaterMark: CHUNK_BYTES }) as AsyncIterable<Buffer>
  yield padding(size)
}
