import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, createReadStream, fsyncSync, openSync, readSync } from 'node:fs'
import { PassThrough, type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import tar from 'tar-stream'
import { EngineError } from '../../contract/errors.ts'
import type { UnpackLayerResult } from '../../host/host.ts'
import { enterRoot } from '../libc/files.ts'
import { createTreeWriter, writeAll } from './tree-writer.ts'

/** What the keeper tells a worker: one layer, then it ends. */
export interface UnpackJob {
  readonly source: { readonly path: string; readonly offset: number; readonly length: number }
  /** The folder that becomes the worker's root. */
  readonly root: string
  /** Temporary blob file, or `''`. */
  readonly blobFile: string
  readonly rootless: boolean
}

const MAX_RATIO = 1000
const RATIO_FREE_BYTES = 64 * 1024 * 1024
const MAX_INFLATED_BYTES = 64 * 1024 ** 3
const PROGRESS_BYTES = 1024 * 1024

/** Unpacks one layer in its own process: everything is loaded and opened before the folder becomes the root. */
export async function runUnpackWorker(): Promise<void> {
  const job = await new Promise<UnpackJob>((resolve) =>
    process.once('message', (message) => resolve(message as UnpackJob)),
  )
  try {
    const result = await unpack(job)
    process.send?.({ type: 'done', result }, () => process.exit(0))
  } catch (error) {
    process.send?.({ type: 'error', error: toEngineError(error).toWire() }, () => process.exit(1))
  }
}

async function unpack({ source, root, blobFile, rootless }: UnpackJob): Promise<UnpackLayerResult> {
  const fd = openSync(source.path, 'r')
  const magic = Buffer.alloc(4)
  readSync(fd, magic, 0, 4, source.offset)
  const blobFd = blobFile ? openSync(blobFile, 'wx', 0o600) : -1
  const inflate = createInflater(magic)
  enterRoot(root)

  const digest = createHash('sha256')
  const diffId = createHash('sha256')
  let readBytes = 0
  let toldBytes = 0
  let inflatedBytes = 0
  let sizeBytes = 0

  const raw = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      digest.update(chunk)
      if (blobFd >= 0) writeAll(blobFd, chunk)
      readBytes += chunk.length
      if (readBytes - toldBytes > PROGRESS_BYTES) {
        toldBytes = readBytes
        process.send?.({ type: 'progress', currentBytes: readBytes })
      }
      done(null, chunk)
    },
  })
  const inflated = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      inflatedBytes += chunk.length
      if (inflate) diffId.update(chunk)
      const isBomb =
        inflatedBytes > MAX_INFLATED_BYTES ||
        (inflate && inflatedBytes > RATIO_FREE_BYTES && inflatedBytes / source.length > MAX_RATIO)
      if (isBomb) {
        done(
          new EngineError(
            'invalidArgument',
            'layer.bomb',
            `a layer of ${source.length} bytes inflates to more than ${inflatedBytes} bytes and was refused`,
          ),
        )
      } else done(null, chunk)
    },
  })
  const writer = createTreeWriter({
    opaqueAttribute: rootless ? 'user.overlay.opaque' : 'trusted.overlay.opaque',
    canMakeDevices: !rootless,
  })
  const extract = tar.extract()
  const reading = pipeline([
    createReadStream('', {
      fd,
      start: source.offset,
      end: source.offset + source.length - 1,
      highWaterMark: 256 * 1024,
    }),
    raw,
    ...(inflate ? [inflate] : []),
    inflated,
    extract,
  ] as [Readable, ...Transform[], typeof extract])
  const writing = (async () => {
    for await (const entry of extract) {
      const out = writer.begin(entry.header)
      for await (const chunk of entry as AsyncIterable<Buffer>) {
        if (out !== null) {
          writeAll(out, chunk)
          sizeBytes += chunk.length
        }
      }
      writer.finish(entry.header, out)
    }
    writer.close()
  })()
  const [read, written] = await Promise.allSettled([reading, writing])
  if (written.status === 'rejected') throw written.reason
  if (read.status === 'rejected') throw read.reason
  if (blobFd >= 0) {
    fsyncSync(blobFd)
    closeSync(blobFd)
  }
  const digestText = `sha256:${digest.digest('hex')}`
  return { digest: digestText, diffId: inflate ? `sha256:${diffId.digest('hex')}` : digestText, sizeBytes }
}

/** By the first bytes: gzip in this process, zstd by the system's tool, started before the root is entered; else none. */
function createInflater(magic: Buffer): Transform | null {
  if (magic[0] === 0x1f && magic[1] === 0x8b) return createGunzip({ chunkSize: 256 * 1024 })
  if (magic.readUInt32LE(0) !== 0xfd2fb528) return null
  const child = spawn('zstd', ['-dcq'], { stdio: ['pipe', 'pipe', 'ignore'] })
  const output = new PassThrough()
  let failure: Error | undefined
  child.on('error', (error) => {
    failure = new EngineError('unavailable', 'layer.no-zstd', `zstd layers need the program zstd: ${error.message}`)
  })
  child.stdin.on('error', () => {})
  const closed = new Promise<void>((resolve, reject) => {
    child.stdout.on(
      'data',
      (chunk) => output.write(chunk) || (child.stdout.pause(), output.once('drain', () => child.stdout.resume())),
    )
    child.on('close', (code) =>
      failure || code !== 0 ? reject(failure ?? truncated('zstd data is damaged or cut short')) : resolve(),
    )
  })
  closed.catch(() => {})
  return new Transform({
    construct(done) {
      output.on('data', (chunk) => {
        if (!this.push(chunk)) output.pause()
      })
      done()
    },
    read(size) {
      output.resume()
      Transform.prototype._read.call(this, size)
    },
    transform(chunk, _encoding, done) {
      if (child.stdin.write(chunk)) done()
      else child.stdin.once('drain', () => done())
    },
    flush(done) {
      child.stdin.end()
      closed.then(
        () => {
          output.on('end', () => done())
          output.end()
        },
        (error: Error) => done(error),
      )
    },
  })
}

function truncated(message: string): EngineError {
  return new EngineError('invalidArgument', 'layer.truncated', `the layer cannot be read: ${message}`)
}

function toEngineError(error: unknown): EngineError {
  if (error instanceof EngineError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new EngineError('unavailable', 'disk.full', 'no space is left on the disk; free some and import again')
  if (code?.startsWith('Z_') || /Unexpected end|Invalid tar header|premature/i.test(message)) return truncated(message)
  if (code === 'EINVAL' && /chown/.test(message)) {
    return new EngineError(
      'invalidArgument',
      'layer.unmapped-owner',
      `the layer has a file of an owner that this user's id ranges do not cover: ${message}`,
    )
  }
  return EngineError.from(error)
}
