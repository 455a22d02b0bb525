import fs from 'node:fs'
import path from 'node:path'
import { EngineError } from '../../contract/errors.ts'
import type { PathStat } from '../../host/archive.ts'
import { readLink } from '../libc/archive.ts'
import { O_PATH, openat2, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from '../libc/openat2.ts'
import type { ArchiveRoot } from './root.ts'

const { O_NOFOLLOW, O_DIRECTORY } = fs.constants
const IN_ROOT = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
const MISSING = new Set([2, 20, 40])
/** Kinds of file system that hold no files of a container: proc, sysfs, cgroup, cgroup2, devpts, mqueue. */
const NO_FILES = new Set([0x9fa0, 0x62656572, 0x27e0eb, 0x63677270, 0x1cd1, 0x19800202])

/** The base name that Docker gives a path: `.` for a folder's contents and for the root, none for no path. */
export function baseName(text: string): string {
  if (text === '') return ''
  const base = path.posix.basename(text)
  return base === '' ? '.' : base
}

/** Whether the last part of a path is followed when it is a link: where it says that a folder is meant. */
const isFolderMeant = (text: string): boolean => /(^|\/)\.?$/.test(text)

/** A descriptor (O_PATH) of what a path names inside a root. Missing is `path.not-found`. */
export function openNamed({ fd: root }: ArchiveRoot, text: string, { follow = isFolderMeant(text) } = {}): number {
  const fd = attempt(text, () =>
    openat2(root, text || '.', { flags: O_PATH | (follow ? 0 : O_NOFOLLOW), resolve: IN_ROOT }),
  )
  if (!isOfContainer(fd)) {
    fs.closeSync(fd)
    throw notFound(text)
  }
  return fd
}

/** A descriptor (O_PATH) of a folder inside a root, links followed. */
export function openFolder({ fd: root }: ArchiveRoot, inner: Buffer | string): number {
  const fd = openat2(root, inner.length === 0 ? '.' : inner, { flags: O_PATH | O_DIRECTORY, resolve: IN_ROOT })
  if (isOfContainer(fd)) return fd
  fs.closeSync(fd)
  throw notFound(String(inner))
}

/** Whether a descriptor is of a file system that holds a container's files. */
export function isOfContainer(fd: number): boolean {
  return !NO_FILES.has(fs.statfsSync(`/proc/self/fd/${fd}`).type)
}

/** What a path names. */
export function statPath(root: ArchiveRoot, text: string): PathStat {
  const fd = openNamed(root, text)
  try {
    const { size, mode, mtimeMs } = fs.fstatSync(fd)
    const isLink = (mode & fs.constants.S_IFMT) === fs.constants.S_IFLNK
    const linkTarget = isLink ? resolveLink(root, text, readLink(fd)) : ''
    return { name: text === '/' || text === '' ? '/' : baseName(text), size, mode, mtimeMs, linkTarget }
  } finally {
    fs.closeSync(fd)
  }
}

/** The path of the container that a link leads to in the end; of one that leads nowhere, what it says. */
function resolveLink(root: ArchiveRoot, text: string, says: string): string {
  try {
    const fd = openat2(root.fd, text, { flags: O_PATH, resolve: IN_ROOT })
    try {
      const seen = fs.readlinkSync(`/proc/self/fd/${fd}`)
      return seen.startsWith(root.prefix) ? seen.slice(root.prefix.length) || '/' : seen
    } finally {
      fs.closeSync(fd)
    }
  } catch {
    const target = Buffer.from(says, 'latin1').toString()
    return path.posix.join('/', target.startsWith('/') ? '' : path.posix.dirname(text), target)
  }
}

function attempt<T>(text: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (MISSING.has((error as { errno?: number }).errno ?? 0)) throw notFound(text)
    throw error
  }
}

function notFound(text: string): EngineError {
  return new EngineError('notFound', 'path.not-found', `Could not find the file ${text} in container`, {
    details: { path: text },
  })
}
