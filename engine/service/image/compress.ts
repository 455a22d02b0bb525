import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { inParallel } from '../../lib/async.ts'
import { syncFolder } from '../../store/atomic-file.ts'
import type { Lease } from '../../store/content.ts'
import type { ImageRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { contentOf } from './find.ts'
import { compressionOf } from './manifest.ts'

const PARALLEL = 2
const CHUNK_BYTES = 256 * 1024

/**
 * Compresses layers that lie here as plain tars (loaded, imported, committed), as they should go to a registry. The image
 * has the compressed ones from then on, so that the next push finds them; the plain ones go with the lease.
 */
export async function compressLayers(
  context: ServiceContext,
  lease: Lease,
  record: ImageRecord,
  signal: AbortSignal,
): Promise<ImageRecord> {
  const compressed = new Map<string, string>()
  await inParallel(PARALLEL, record.layers, async ({ digest }) => {
    if (compressed.has(digest) || (await compressionOf(context.layout.blob(digest))) !== '') return
    compressed.set(digest, await compressBlob(context, lease, digest, signal))
  })
  if (compressed.size === 0) return record
  return context.locks.withLock('images', async () => {
    const layers = record.layers.map((layer) => ({ ...layer, digest: compressed.get(layer.digest) ?? layer.digest }))
    const current = context.images.get(record.id)
    // Removed meanwhile: what is on its way goes on, and nothing of it is kept.
    if (current) {
      await context.images.put({ ...current, layers })
      await context.image.content.collect(contentOf(current))
    }
    return { ...(current ?? record), layers }
  })
}

async function compressBlob(
  { layout }: ServiceContext,
  lease: Lease,
  digest: string,
  signal: AbortSignal,
): Promise<string> {
  const part = path.join(layout.blobs, `.${randomBytes(6).toString('hex')}.tmp`)
  const hash = createHash('sha256')
  const hashed = async function* (source: AsyncIterable<Buffer>) {
    for await (const chunk of source) {
      hash.update(chunk)
      yield chunk
    }
  }
  try {
    const source = createReadStream(layout.blob(digest), { highWaterMark: CHUNK_BYTES })
    const target = createWriteStream(part, { flags: 'wx', mode: 0o600 })
    await pipeline(source, createGzip({ chunkSize: CHUNK_BYTES }), hashed, target, { signal })
    const result = `sha256:${hash.digest('hex')}`
    await lease.obtain(`blob:${result}`, signal, async () => {
      const handle = await open(part)
      await handle.datasync().finally(() => handle.close())
      await rename(part, layout.blob(result))
      await syncFolder(layout.blobs)
    })
    return result
  } finally {
    await rm(part, { force: true })
  }
}
