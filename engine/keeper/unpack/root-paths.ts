import fs from 'node:fs'
import { O_PATH, openat2, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from '../libc/openat2.ts'

const ENOENT = 2
const ENOTDIR = 20
const ELOOP = 40

/**
 * Names what a path inside `root` leads to, resolved by the kernel, links and `..` included. An O_PATH descriptor has
 * opened nothing yet: a fifo or a device is not woken. −1: missing.
 */
export function openPathInRoot(root: string, inner: string): number {
  const base = fs.openSync(root, O_PATH | fs.constants.O_DIRECTORY)
  try {
    return openat2(base, inner === '' ? '.' : inner, {
      flags: O_PATH,
      resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    })
  } catch (error) {
    const { errno } = error as { errno?: number }
    if (errno === ENOENT || errno === ENOTDIR || errno === ELOOP) return -1
    throw error
  } finally {
    fs.closeSync(base)
  }
}

/** Whether something is there, resolved inside `root` by the kernel. */
export function isInRoot(root: string, inner: string): boolean {
  const fd = openPathInRoot(root, inner)
  if (fd >= 0) fs.closeSync(fd)
  return fd >= 0
}

/** Opens a folder or a regular file, resolved inside `root` by the kernel, links and `..` included. −1: missing, or something else. */
export function openInRoot(root: string, inner: string, kind: 'file' | 'folder'): number {
  const fd = openPathInRoot(root, inner)
  if (fd < 0) return -1
  try {
    const stats = fs.fstatSync(fd)
    if (kind === 'folder' ? !stats.isDirectory() : !stats.isFile()) return -1
    return fs.openSync(`/proc/self/fd/${fd}`, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
  } finally {
    fs.closeSync(fd)
  }
}
