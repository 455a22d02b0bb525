import fs from 'node:fs'
import { EngineError } from '../../contract/errors.ts'
import { connectStream } from '../libc/archive.ts'
import { writeChanges } from './changes.ts'
import { createExtractor } from './extract.ts'
import type { ArchiveJob, ArchiveMessage } from './jobs.ts'
import { packLayer, packTree } from './pack.ts'
import { readTarFrom } from './read-tar.ts'
import { baseName, openNamed, statPath } from './resolve.ts'
import { openRoot } from './root.ts'

type Job<Kind extends ArchiveJob['kind']> = Extract<ArchiveJob, { kind: Kind }>

/** One job in a process of its own: what it mounts and opens ends with it. */
export async function runArchiveWorker(): Promise<void> {
  process.umask(0)
  process.once('disconnect', () => process.exit(1))
  const job = await new Promise<ArchiveJob>((resolve) =>
    process.once('message', (message) => resolve(message as ArchiveJob)),
  )
  const tell = (message: ArchiveMessage) => new Promise<void>((resolve) => process.send?.(message, () => resolve()))
  try {
    await work(job, tell)
    await tell({ type: 'done' })
    process.exit(0)
  } catch (error) {
    await tell({ type: 'error', error: describe(error).toWire() })
    process.exit(1)
  }
}

async function work(job: ArchiveJob, tell: (message: ArchiveMessage) => Promise<void>): Promise<void> {
  switch (job.kind) {
    case 'stat':
      return tell({ type: 'stat', stat: statPath(openRoot(job.place, job.rootless), job.path) })
    case 'read':
      return readPath(job, tell)
    case 'write':
      return writePath(job)
    case 'layer':
      return packLayer(connectStream(job.socketPath), { folder: job.folder, opaqueName: opaqueNameOf(job) })
    case 'changes': {
      const opaqueName = opaqueNameOf(job)
      return writeChanges(connectStream(job.socketPath), { upper: job.upper, lower: job.lower, opaqueName })
    }
  }
}

const opaqueNameOf = ({ rootless }: ArchiveJob) => (rootless ? 'user.overlay.opaque' : 'trusted.overlay.opaque')

async function readPath(job: Job<'read'>, tell: (message: ArchiveMessage) => Promise<void>): Promise<void> {
  const root = openRoot(job.place, job.rootless)
  const stat = statPath(root, job.path)
  const fd = openNamed(root, job.path)
  await tell({ type: 'stat', stat })
  packTree(connectStream(job.socketPath), { fd, name: Buffer.from(baseName(job.path)).toString('latin1') })
}

async function writePath(job: Job<'write'>): Promise<void> {
  const root = openRoot(job.place, job.rootless)
  const fd = openNamed(root, job.path, { follow: true })
  const isFolder = fs.fstatSync(fd).isDirectory()
  fs.closeSync(fd)
  if (!isFolder) throw new EngineError('invalidArgument', 'archive.no-folder', 'extraction point is not a directory')
  const extractor = createExtractor(root, { ...job, folder: job.path })
  await readTarFrom(connectStream(job.socketPath), extractor)
  extractor.close()
}

/** Errors of the system in Docker's words, where it has some. */
function describe(error: unknown): EngineError {
  if (error instanceof EngineError && error.reason.startsWith('layer.'))
    return new EngineError(
      error.code,
      error.reason.replace('layer.', 'archive.'),
      error.message.replaceAll('layer', 'archive'),
    )
  if (error instanceof EngineError && !error.reason.startsWith('libc.')) return error
  const { code, message, reason } = error as NodeJS.ErrnoException & { reason?: string }
  switch (reason?.replace('libc.', '').toUpperCase() ?? code) {
    case 'EROFS':
      return new EngineError('invalidArgument', 'archive.read-only', 'container rootfs is marked read-only')
    case 'EPIPE':
    case 'ECONNRESET':
      return new EngineError('canceled', 'canceled', 'the client is gone')
    case 'ENOSPC':
    case 'EDQUOT':
      return new EngineError('unavailable', 'disk.full', 'no space is left on the disk; free some and try again')
    case 'EINVAL':
      if (!/chown/.test(message)) return EngineError.from(error)
      return new EngineError(
        'invalidArgument',
        'archive.unmapped-owner',
        `a file is of an owner that this user's id ranges do not cover: ${message}`,
      )
    default:
      return EngineError.from(error)
  }
}
