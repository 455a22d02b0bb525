import fs from 'node:fs'
import { koffi, libc, libcError } from './core.ts'

const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_CLOEXEC = 0o2000000
const CLONE_NEWNS = 0x20000
const MS_PRIVATE = 1 << 18
const MS_REC = 16384
const ENODATA = 61
const ENOTSUP = 95

const c = {
  socket: libc.func('int socket(int, int, int)'),
  connect: libc.func('int connect(int, const void *, uint32_t)'),
  sendfile: libc.func('long sendfile(int, int, void *, size_t)'),
  getxattr: libc.func('long getxattr(const char *, const char *, void *, size_t)'),
  readlinkat: libc.func('long readlinkat(int, const char *, void *, size_t)'),
  unshare: libc.func('int unshare(int)'),
  mount: libc.func('int mount(const char *, const char *, const char *, unsigned long, const void *)'),
}

/** Connects to a stream socket; reads and writes on the descriptor wait. */
export function connectStream(path: string): number {
  const name = Buffer.from(`${path}\0`)
  const address = Buffer.alloc(2 + name.length)
  address.writeUInt16LE(AF_UNIX, 0)
  name.copy(address, 2)
  const fd = c.socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) as number
  if (fd < 0) throw libcError('socket', path)
  if ((c.connect(fd, address, address.length) as number) === 0) return fd
  const number = koffi.errno()
  fs.closeSync(fd)
  throw libcError('connect', path, number)
}

/** Sends up to `count` bytes of a file without copying them here; answers how many went, 0 at the file's end. */
export function sendFile(out: number, file: number, count: number): number {
  const sent = Number(c.sendfile(out, file, null, count))
  if (sent < 0) throw libcError('sendfile', `fd ${file}`)
  return sent
}

/** An extended attribute of what a path leads to; `null` when there is none. */
export function readXattr(path: string, name: string): Buffer | null {
  const buffer = Buffer.alloc(4096)
  const length = Number(c.getxattr(path, name, buffer, buffer.length))
  if (length >= 0) return buffer.subarray(0, length)
  const number = koffi.errno()
  if (number === ENODATA || number === ENOTSUP) return null
  throw libcError(`getxattr ${name} of`, path, number)
}

/** Where a link leads that a descriptor names, as a byte string (latin1). */
export function readLink(fd: number): string {
  const buffer = Buffer.alloc(4096)
  const length = Number(c.readlinkat(fd, '', buffer, buffer.length))
  if (length < 0) throw libcError('readlinkat', `fd ${fd}`)
  return buffer.toString('latin1', 0, length)
}

/** Gives this process mounts of its own, which end with it and which nothing else sees. */
export function enterOwnMounts(): void {
  if ((c.unshare(CLONE_NEWNS) as number) < 0) throw libcError('unshare', 'mounts')
  if ((c.mount('', '/', '', MS_REC | MS_PRIVATE, null) as number) < 0) throw libcError('mount', 'private')
}
