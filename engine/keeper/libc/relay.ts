import { encodeAddress, familyOf } from './address.ts'
import { koffi, libc, libcError } from './core.ts'

/*
 * What a relay needs of the kernel: accept, connect without waiting, and splice, which moves bytes from socket to
 * pipe to socket without a copy through this process.
 */
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_FLAGS = 0o2000000 | 0o4000
const SOL_SOCKET = 1
const SO_ERROR = 4
const SO_KEEPALIVE = 9
const SO_LINGER = 13
const IPPROTO_TCP = 6
const TCP_NODELAY = 1
const F_SETPIPE_SZ = 1031
const SPLICE_F_MOVE = 1
const SPLICE_F_NONBLOCK = 2
const MSG_DONTWAIT = 0x40
const MSG_NOSIGNAL = 0x4000
const SHUT_WR = 1
export const EAGAIN = 11
const EINTR = 4
const EINPROGRESS = 115
/** Enough for one burst; larger pipes count against the user's `pipe-user-pages-soft`. */
const PIPE_BYTES = 256 * 1024

const c = {
  accept4: libc.func('int accept4(int, void *, void *, int)'),
  socket: libc.func('int socket(int, int, int)'),
  connect: libc.func('int connect(int, const void *, uint32_t)'),
  shutdown: libc.func('int shutdown(int, int)'),
  close: libc.func('int close(int)'),
  setsockopt: libc.func('int setsockopt(int, int, int, const void *, uint32_t)'),
  getsockopt: libc.func('int getsockopt(int, int, int, void *, void *)'),
  pipe2: libc.func('int pipe2(void *, int)'),
  fcntl: libc.func('int fcntl(int, int, int)'),
  splice: libc.func('long splice(int, void *, int, void *, size_t, unsigned int)'),
  recv: libc.func('long recv(int, void *, size_t, int)'),
  send: libc.func('long send(int, const void *, size_t, int)'),
}
const ONE = Buffer.from([1, 0, 0, 0])
const LINGER_NOT = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])
const number = Buffer.alloc(4)
const size = Buffer.alloc(4)

/** Both ends of a pipe; it holds bytes on their way from one socket to the other. */
export interface Pipe {
  readonly read: number
  readonly write: number
}

/** The next connection of a listener; below zero, minus the errno. */
export function acceptConnection(listener: number): number {
  const fd = c.accept4(listener, null, null, SOCK_FLAGS) as number
  if (fd < 0) return -koffi.errno()
  prepareStream(fd)
  return fd
}

/** Begins to connect and does not wait; writable when it is done, then `connectionError` tells how it went. */
export function beginConnect(protocol: 'tcp' | 'udp', host: string, port: number): number {
  const fd = c.socket(familyOf(host), (protocol === 'tcp' ? SOCK_STREAM : SOCK_DGRAM) | SOCK_FLAGS, 0) as number
  if (fd < 0) throw libcError('socket', host)
  if (protocol === 'tcp') prepareStream(fd)
  const address = encodeAddress(host, port)
  if ((c.connect(fd, address, address.length) as number) < 0 && koffi.errno() !== EINPROGRESS) {
    const error = libcError('connect', `${host}:${port}`, koffi.errno())
    c.close(fd)
    throw error
  }
  return fd
}

function prepareStream(fd: number): void {
  c.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ONE, 4)
  c.setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, ONE, 4)
}

/** The errno that a socket waits to tell; 0 is none. */
export function connectionError(fd: number): number {
  size.writeUInt32LE(4)
  return (c.getsockopt(fd, SOL_SOCKET, SO_ERROR, number, size) as number) < 0 ? koffi.errno() : number.readInt32LE()
}

/** Closes with a reset instead of an orderly end. */
export function resetConnection(fd: number): void {
  c.setsockopt(fd, SOL_SOCKET, SO_LINGER, LINGER_NOT, 8)
  c.close(fd)
}

/** Ends our direction of a connection; the other goes on. */
export const endWriting = (fd: number): void => void c.shutdown(fd, SHUT_WR)
export const closeDescriptor = (fd: number): void => void c.close(fd)

/** A pipe that never waits. */
export function createPipe(): Pipe {
  const ends = Buffer.alloc(8)
  if ((c.pipe2(ends, SOCK_FLAGS) as number) < 0) throw libcError('pipe2', '')
  const pipe = { read: ends.readInt32LE(0), write: ends.readInt32LE(4) }
  c.fcntl(pipe.write, F_SETPIPE_SZ, PIPE_BYTES)
  return pipe
}

/** Moves bytes between a socket and a pipe; 0 is the end, below zero minus the errno. */
export function spliceBytes(from: number, to: number, bytes: number): number {
  const moved = Number(c.splice(from, null, to, null, bytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK))
  if (moved >= 0) return moved
  const errno = koffi.errno()
  return errno === EINTR ? -EAGAIN : -errno
}
export const SPLICE_BYTES = PIPE_BYTES

/** One datagram of a connected socket into `buffer`; below zero minus the errno. */
export function receiveDatagram(fd: number, buffer: Buffer): number {
  const got = Number(c.recv(fd, buffer, buffer.length, MSG_DONTWAIT))
  return got < 0 ? -koffi.errno() : got
}
/** One datagram out of a connected socket. */
export const sendDatagram = (fd: number, bytes: Uint8Array): void =>
  void c.send(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL)
