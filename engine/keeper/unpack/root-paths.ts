import fs from 'node:fs'
import { koffi, libc, libcError } from '../libc/core.ts'

/** Same number on every architecture (Linux 5.6). */
const SYS_openat2 = 437
const RESOLVE_NO_MAGICLINKS = 0x02
const RESOLVE_IN_ROOT = 0x10
const O_PATH = 0o10000000
const O_CLOEXEC = 0o2000000
const ENOENT = 2
const ENOTDIR = 20
const ELOOP = 40
const openat2 = libc.func('syscall', 'long', ['long', 'int', 'const char *', 'const void *', 'size_t'])

/**
 * Names what a path inside `root` leads to, resolved by the kernel, links and `..` included; a last link is not followed
 * where `noFollow` says so. An O_PATH descriptor has opened nothing yet: a fifo or a device is not woken. −1: missing.
 */
export function openPathInRoot(root: string, inner: string, { noFollow = false } = {}): number {
  const base = fs.openSync(root, O_PATH | fs.constants.O_DIRECTORY)
  try {
    const how = Buffer.alloc(24)
    how.writeBigUInt64LE(BigInt(O_PATH | O_CLOEXEC | (noFollow ? fs.constants.O_NOFOLLOW : 0)), 0)
    how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), 16)
    const fd = Number(openat2(SYS_openat2, base, inner === '' ? '.' : inner, how, how.length))
    if (fd >= 0) return fd
    const errno = koffi.errno()
    if (errno === ENOENT || errno === ENOTDIR || errno === ELOOP) return -1
    throw libcError('openat2', inner, errno)
  } finally {
    fs.closeSync(base)
  }
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
