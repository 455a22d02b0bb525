import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import path from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { EngineError } from '../../contract/errors.ts'
import type { ArchiveEntry, ScanArchiveResult } from '../../host/host.ts'
import {
  applyOverrides,
  isExtension,
  MAX_EXTENSION_BYTES,
  paddedSize,
  readExtension,
  readTarHeader,
  TAR_BLOCK,
  type TarHeader,
  type TarOverrides,
} from '../../lib/tar-headers.ts'
import { findTool } from '../find-tool.ts'
import { assertNoBomb, type Compression, createZstdInflater, detectCompression } from './layer-stream.ts'

/** An image has a few files for each of its layers. What has more is a root file system, whose names nobody asks for. */
const MAX_LISTED = 50_000
/** What makes an image of an archive; `docker save` writes it last. */
const IMAGE_INDEX = /^(\.?\/)*(manifest|index)\.json$/
const WINDOW = 64 * 1024
const TYPES: Readonly<Partial<Record<TarHeader['type'], ArchiveEntry['type']>>> = {
  file: 'file',
  directory: 'directory',
  symlink: 'symlink',
  link: 'link',
}

/** Lists an archive. One that is compressed is inflated into `temporaryFolder` first; the caller removes that copy. */
export async function scanArchive(
  file: string,
  temporaryFolder: string,
  signal?: AbortSignal,
): Promise<ScanArchiveResult> {
  const handle = await open(file, 'r').catch((cause: NodeJS.ErrnoException) => {
    throw new EngineError('notFound', 'archive.unreadable', `${file} cannot be read: ${cause.code}`, { cause })
  })
  let compression: Compression
  let size: number
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw notAnArchive('it is no regular file')
    size = stats.size
    const magic = Buffer.alloc(4)
    const { bytesRead } = await handle.read(magic, 0, 4, 0)
    compression = detectCompression(magic.subarray(0, bytesRead))
    if (compression === 'none') return { path: file, isTemporary: false, ...(await scanTar(handle, signal)) }
  } finally {
    await handle.close()
  }
  const inflated = path.join(temporaryFolder, `inflated-${randomBytes(6).toString('hex')}.tar`)
  try {
    await inflateFile({ path: file, size, compression }, inflated, signal)
    const copy = await open(inflated, 'r')
    try {
      return { path: inflated, isTemporary: true, ...(await scanTar(copy, signal)) }
    } finally {
      await copy.close()
    }
  } catch (error) {
    await rm(inflated, { force: true })
    throw error
  }
}

async function inflateFile(
  source: { readonly path: string; readonly size: number; readonly compression: Compression },
  destination: string,
  signal?: AbortSignal,
): Promise<void> {
  let written = 0
  const guard = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      written += chunk.length
      try {
        assertNoBomb('archive', written, source.size)
        done(null, chunk)
      } catch (error) {
        done(error as Error)
      }
    },
  })
  const output = fs.createWriteStream(destination, { mode: 0o600, highWaterMark: 1024 * 1024 })
  const options = signal ? { signal } : {}
  try {
    if (source.compression === 'gzip') {
      await pipeline(
        fs.createReadStream(source.path, { highWaterMark: 1024 * 1024 }),
        createGunzip({ chunkSize: 512 * 1024 }),
        guard,
        output,
        options,
      )
      return
    }
    const tool = findTool('zstd')
    if (!tool) {
      await pipeline(fs.createReadStream(source.path), createZstdTransform(), guard, output, options)
      return
    }
    const child = spawn(tool, ['-dcq', '--', source.path], { stdio: ['ignore', 'pipe', 'ignore'] })
    const exit = new Promise<number>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code) => resolve(code ?? -1))
    })
    exit.catch(() => {})
    await pipeline(child.stdout, guard, output, options).catch((error: unknown) => {
      child.kill('SIGKILL')
      throw error
    })
    if ((await exit) !== 0) throw truncated('its zstd data is damaged or cut short')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (signal?.aborted) throw new EngineError('canceled', 'canceled', 'the import was canceled')
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new EngineError('unavailable', 'disk.full', 'no space is left on the disk; free some and import again')
    if (code?.startsWith('Z_')) throw truncated(`its gzip data is damaged or cut short (${code})`)
    throw error
  }
}

function createZstdTransform(): Transform {
  const inflater = createZstdInflater((chunk) => void transform.push(chunk))
  const transform: Transform = new Transform({
    // A turn of the event loop between chunks: this thread has more to do than to inflate.
    transform: (chunk: Buffer, _encoding, done) => setImmediate(() => settle(() => inflater.write(chunk), done)),
    flush: (done) => settle(() => inflater.finish(), done),
  })
  return transform
}

function settle(work: () => Promise<void> | void, done: (error?: Error) => void): void {
  Promise.resolve()
    .then(work)
    .then(() => done(), done)
}

/** Reads headers and passes over contents. Of very many entries it lists the first, and an index that comes later. */
async function scanTar(
  handle: FileHandle,
  signal?: AbortSignal,
): Promise<Pick<ScanArchiveResult, 'entries' | 'isCut'>> {
  const { size: total } = await handle.stat()
  const read = createWindow(handle)
  const entries: ArchiveEntry[] = []
  let isCut = false
  let hasLateIndex = false
  let next: TarOverrides = {}
  let at = 0
  for (; at + TAR_BLOCK <= total; ) {
    if (signal?.aborted) throw new EngineError('canceled', 'canceled', 'the import was canceled')
    const header = readTarHeader(await read(at, TAR_BLOCK))
    if (header === 'end') break
    if (header === 'bad')
      throw at === 0
        ? notAnArchive('it does not begin as a tar, gzip or zstd file does')
        : truncated(`the header at byte ${at} is damaged`)
    const isNote = isExtension(header.type)
    if (isNote && header.size > MAX_EXTENSION_BYTES)
      throw new EngineError(
        'invalidArgument',
        'archive.header-too-large',
        `the archive has an extended header of ${header.size} bytes`,
      )
    if (!isNote) applyOverrides(header, next)
    const offset = at + TAR_BLOCK
    if (offset + header.size > total)
      throw truncated(`${JSON.stringify(header.name.slice(0, 200))} ends behind the end of the file`)
    at = offset + paddedSize(header.size)
    if (isNote) {
      if (!readExtension(header.type, await read(offset, header.size), next))
        throw truncated(`the extended header at byte ${offset} is damaged`)
      continue
    }
    next = {}
    isCut ||= entries.length >= MAX_LISTED
    if (isCut && (hasLateIndex || !IMAGE_INDEX.test(header.name))) continue
    hasLateIndex = isCut
    const { name, linkName, size } = header
    entries.push({ name, linkName, type: TYPES[header.type] ?? 'other', offset, size })
  }
  if (entries.length === 0) throw notAnArchive(total === 0 ? 'it is empty' : 'it holds nothing')
  if (at < total && at + TAR_BLOCK > total) throw truncated('its last header is cut')
  return { entries, isCut }
}

/** Headers that lie close together are read at once. */
function createWindow(handle: FileHandle): (at: number, length: number) => Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(WINDOW)
  let start = 0
  let filled = 0
  return async (at, length) => {
    if (at >= start && at + length <= start + filled) return buffer.subarray(at - start, at - start + length)
    const into = length > WINDOW ? Buffer.allocUnsafe(length) : buffer
    const { bytesRead } = await handle.read(into, 0, into.length, at)
    if (bytesRead < length) throw truncated(`byte ${at + bytesRead} is missing`)
    if (into === buffer) [start, filled] = [at, bytesRead]
    return into.subarray(0, length)
  }
}

function notAnArchive(why: string): EngineError {
  return new EngineError('invalidArgument', 'archive.not-an-archive', `the file is no image archive: ${why}`)
}

function truncated(why: string): EngineError {
  return new EngineError('invalidArgument', 'archive.truncated', `the archive is cut short or damaged: ${why}`)
}
