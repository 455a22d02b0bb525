import fs from 'node:fs'
import { EngineError } from '../../contract/errors.ts'
import { createPushQueue } from '../../lib/async.ts'
import { connectStream } from '../libc/archive.ts'
import { writeChanges } from './changes.ts'
import { createExtractor } from './extract.ts'
import { type ArchiveJob, type ArchiveMessage, isLast } from './jobs.ts'
import { packLayer, packTree } from './pack.ts'
import { readTarFrom } from './read-tar.ts'
import { baseName, openNamed, statPath } from './resolve.ts'
import { openRoot } from './root.ts'

type Job<Kind extends ArchiveJob['kind']> = Extract<ArchiveJob, { kind: Kind }>

/** One job after the other. One that mounts is the last: the mounts end with the process. */
export async function runArchiveWorker(): Promise<void> {
  process.umask(0)
  process.once('disconnect', () => process.exit(1))
  const jobs = createPushQueue<ArchiveJob>()
  process.on('message', (message) => jobs.push(message as ArchiveJob))
  const tell = (message: ArchiveMessage) => new Promise<void>((resolve) => process.send?.(message, () => resolve()))
  for await (const job of jobs) {
    await tell(
      await work(job, tell).then(
        (): ArchiveMessage => ({ type: 'done' }),
        (error: unknown): ArchiveMessage => ({ type: 'error', error: describe(error).toWire() }),
      ),
    )
    if (isLast(job)) process.exit(0)
  }
}

async function work(job: ArchiveJob, tell: (message: ArchiveMessage) => Promise<void>): Promise<void> {
  switch (job.kind) {
    case 'stat':
      return withOpened(async (keep) => {
        const root = openRoot(job.place, job.rootless)
        keep(root.fd)
        await tell({ type: 'stat', stat: statPath(root, job.path) })
      })
    case 'read':
      return withOpened((keep) => readPath(job, keep, tell))
    case 'write':
      return withOpened((keep) => writePath(job, keep))
    case 'layer':
      return withOpened(async (keep) => {
        const out = keep(connectStream(job.socketPath))
        packLayer(out, { folder: job.folder, opaqueName: opaqueNameOf(job) })
      })
    case 'changes':
      return withOpened(async (keep) => {
        const opaqueName = opaqueNameOf(job)
        const out = keep(connectStream(job.socketPath))
        writeChanges(out, { upper: job.upper, lower: job.lower, opaqueName, keep })
      })
  }
}

const opaqueNameOf = ({ rootless }: ArchiveJob) => (rootless ? 'user.overlay.opaque' : 'trusted.overlay.opaque')

type Keep = (fd: number) => number

/** Closes in the end what a job has opened. */
async function withOpened(job: (keep: Keep) => Promise<void>): Promise<void> {
  const opened: number[] = []
  try {
    await job((fd) => {
      opened.push(fd)
      return fd
    })
  } finally {
    for (const fd of opened) fs.closeSync(fd)
  }
}

async function readPath(job: Job<'read'>, keep: Keep, tell: (message: ArchiveMessage) => Promise<void>): Promise<void> {
  const root = openRoot(job.place, job.rootless)
  keep(root.fd)
  const stat = statPath(root, job.path)
  const fd = keep(openNamed(root, job.path))
  await tell({ type: 'stat', stat })
  const out = keep(connectStream(job.socketPath))
  packTree(out, { fd, name: Buffer.from(baseName(job.path)).toString('latin1') })
}

async function writePath(job: Job<'write'>, keep: Keep): Promise<void> {
  const root = openRoot(job.place, job.rootless)
  keep(root.fd)
  const folder = keep(openNamed(root, job.path, { follow: true }))
  if (!fs.fstatSync(folder).isDirectory())
    throw new EngineError('invalidArgument', 'archive.no-folder', 'extraction point is not a directory')
  const extractor = createExtractor(root, { ...job, folder: job.path })
  try {
    await readTarFrom(keep(connectStream(job.socketPath)), extractor)
  } finally {
    extractor.close()
  }
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
