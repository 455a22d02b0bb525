import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { EngineError } from '../../contract/errors.ts'
import { createTarReader } from '../../lib/tar-reader.ts'
import { findTool } from '../find-tool.ts'
import { enterRoot } from '../libc/files.ts'
import type { WorkerJob, WorkerMessage, WorkerResult } from './jobs.ts'
import { assertNoBomb, createInflater, detectCompression, readRange, truncated } from './layer-stream.ts'
import { createLayerWriter, writeAll } from './layer-writer.ts'
import { openInRoot } from './root-paths.ts'

const PROGRESS_BYTES = 4 * 1024 * 1024
const FLUSH_BYTES = 16 * 1024 * 1024

/** One job in a process of its own: all is loaded and opened before the folder becomes the root, and no byte read before. */
export async function runUnpackWorker(): Promise<void> {
  process.umask(0)
  process.once('disconnect', () => process.exit(1))
  const job = await new Promise<WorkerJob>((resolve) =>
    process.once('message', (message) => resolve(message as WorkerJob)),
  )
  const tell = (message: WorkerMessage) => new Promise<void>((resolve) => process.send?.(message, () => resolve()))
  try {
    const result = job.kind === 'layer' ? await unpackLayer(job) : await copyFolder(job)
    await tell({ type: 'done', result })
    process.exit(0)
  } catch (error) {
    await tell({ type: 'error', error: describe(error).toWire() })
    process.exit(1)
  }
}

async function unpackLayer({ source, root, blobFile, rootless }: WorkerJob & { kind: 'layer' }): Promise<WorkerResult> {
  const fd = fs.openSync(source.path, 'r')
  const blob = blobFile ? createBlob(blobFile) : null
  const magic = Buffer.alloc(4)
  const compression = detectCompression(
    magic.subarray(0, fs.readSync(fd, magic, 0, Math.min(4, source.length), source.offset)),
  )
  const writer = createLayerWriter({ rootless, names: 'layer' })
  const tar = createTarReader(writer)
  const digest = createHash('sha256')
  const diffId = createHash('sha256')
  let inflatedBytes = 0
  const inflater = createInflater(compression, (chunk) => {
    inflatedBytes += chunk.length
    assertNoBomb('layer', inflatedBytes, source.length)
    diffId.update(chunk)
    tar.push(chunk)
  })
  enterRoot(root)

  let readBytes = 0
  let toldBytes = 0
  for (const chunk of readRange(fd, source.offset, source.length, inflater === null)) {
    digest.update(chunk)
    blob?.write(chunk)
    if (inflater) await inflater.write(chunk)
    else tar.push(chunk)
    readBytes += chunk.length
    if (readBytes - toldBytes >= PROGRESS_BYTES) {
      toldBytes = readBytes
      process.send?.({ type: 'progress', currentBytes: readBytes } satisfies WorkerMessage)
      await setImmediate()
    }
  }
  await inflater?.finish()
  tar.finish()
  writer.close()
  blob?.close()
  const digestText = `sha256:${digest.digest('hex')}`
  return {
    digest: digestText,
    diffId: inflater ? `sha256:${diffId.digest('hex')}` : digestText,
    sizeBytes: writer.sizeBytes,
    skippedDevices: writer.skippedDevices,
  }
}

/** The blob's file; its bytes are sent to the disk while the layer is still read, so that the last flush is short. */
function createBlob(file: string) {
  const fd = fs.openSync(file, 'wx', 0o600)
  let unflushed = 0
  let isFlushing = false
  return {
    write(chunk: Buffer) {
      writeAll(fd, chunk)
      unflushed += chunk.length
      if (isFlushing || unflushed < FLUSH_BYTES) return
      isFlushing = true
      unflushed = 0
      fs.fdatasync(fd, () => {
        isFlushing = false
      })
    },
    close() {
      fs.fsyncSync(fd)
    },
  }
}

/** The system's tar reads the folder through a descriptor; this process, confined to the volume, writes it. */
async function copyFolder({ from, path, root, rootless }: WorkerJob & { kind: 'copy' }): Promise<WorkerResult> {
  const folder = openInRoot(from, path, 'folder')
  const empty = { digest: '', diffId: '', sizeBytes: 0, skippedDevices: 0 }
  if (folder < 0) return empty
  const argv = [
    '--format=posix',
    '--xattrs',
    '--xattrs-include=*',
    '--numeric-owner',
    '--one-file-system',
    '-C',
    '/proc/self/fd/3',
    '-cf',
    '-',
    '.',
  ]
  const child = spawn(findTool('tar') || 'tar', argv, { stdio: ['ignore', 'pipe', 'pipe', folder] })
  const output = child.stdio[1] as NodeJS.ReadableStream
  let stderr = ''
  child.stdio[2]?.on('data', (chunk) => {
    stderr = (stderr + String(chunk)).slice(-500)
  })
  const exit = new Promise<number>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve(code ?? -1))
  })
  exit.catch(() => {})
  enterRoot(root)
  const writer = createLayerWriter({ rootless, names: 'plain' })
  const tar = createTarReader(writer)
  for await (const chunk of output) tar.push(chunk as Buffer)
  // 1: a file changed while it was read.
  if ((await exit) > 1)
    throw new EngineError('internal', 'copy.failed', `${path} could not be copied: ${stderr.trim()}`)
  tar.finish()
  writer.close()
  return { ...empty, sizeBytes: writer.sizeBytes, skippedDevices: writer.skippedDevices }
}

function describe(error: unknown): EngineError {
  const { code, message, syscall, errno, reason } = error as NodeJS.ErrnoException & { reason?: string }
  if (code === 'ENOSPC' || code === 'EDQUOT' || reason === 'libc.enospc') {
    return new EngineError('unavailable', 'disk.full', 'no space is left on the disk; free some and import again')
  }
  if (error instanceof EngineError) return error
  if (code?.startsWith('Z_')) return truncated(`its gzip data is damaged or cut short (${code})`)
  if (code === 'EINVAL' && syscall?.includes('chown')) {
    return new EngineError(
      'invalidArgument',
      'layer.unmapped-owner',
      `the layer has a file of an owner that this user's id ranges do not cover: ${message}`,
    )
  }
  if (code === 'ELOOP' || code === 'ENAMETOOLONG' || code === 'ENOTDIR') {
    return new EngineError('invalidArgument', 'layer.bad-tar', `a name in the layer cannot be made: ${message}`, {
      details: { errno: errno ?? 0 },
    })
  }
  return EngineError.from(error)
}
