import fs from 'node:fs'
import { koffi, libc, libcError } from './core.ts'

const AF_UNIX = 1
const SOCK_SEQPACKET = 5
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const socket = libc.func('int socket(int, int, int)')
const connect = libc.func('int connect(int, const void *, uint32_t)')
const close = libc.func('int close(int)')

/**
 * Connects to a SOCK_SEQPACKET unix socket inside a folder and never waits. The address goes through
 * `/proc/self/fd/N`, because a socket's path has room for 107 bytes only. Answers with the descriptor.
 */
export function connectInFolder(folder: string, name: string): number {
  const directory = fs.openSync(folder, 'r')
  try {
    const path = Buffer.from(`/proc/self/fd/${directory}/${name}\0`)
    const address = Buffer.alloc(2 + path.length)
    address.writeUInt16LE(AF_UNIX, 0)
    path.copy(address, 2)
    const fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) as number
    if (fd < 0) throw libcError('socket', folder)
    if ((connect(fd, address, address.length) as number) === 0) return fd
    const number = koffi.errno()
    close(fd)
    throw libcError('connect', `${folder}/${name}`, number)
  } finally {
    fs.closeSync(directory)
  }
}

const MSG_NOSIGNAL = 0x4000
const MSG_DONTWAIT = 0x40
const SHUT_WR = 1
export const POLLIN = 1
export const POLLOUT = 4
export const POLLERR = 8
export const POLLHUP = 0x10
const recv = libc.func('long recv(int, void *, size_t, int)')
const sendTo = libc.func('long send(int, const void *, size_t, int)')
const shutdown = libc.func('int shutdown(int, int)')
const pollCall = libc.func('int poll(void *, unsigned long, int)')
const eventfd = libc.func('int eventfd(unsigned int, int)')
const writeCall = libc.func('long write(int, const void *, size_t)')
const readCall = libc.func('long read(int, void *, size_t)')

/** One packet into `buffer`; 0 is the end, −1 nothing now. */
export const receive = (fd: number, buffer: Buffer): number => Number(recv(fd, buffer, buffer.length, MSG_DONTWAIT))
/** One packet out; the bytes that went, −1 for none now. */
export const sendPacket = (fd: number, bytes: Buffer): number =>
  Number(sendTo(fd, bytes, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT))
/** Ends our direction of a socket. */
export const shutdownWrite = (fd: number): void => void shutdown(fd, SHUT_WR)
/** Closes a descriptor that Node does not know. */
export const closeFd = (fd: number): void => void close(fd)

/** A counter that wakes a poll in another thread. */
export const createEventfd = (): number => eventfd(0, SOCK_NONBLOCK | SOCK_CLOEXEC) as number
const ONE = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])
/** Wakes whoever polls the counter. */
export const signalEventfd = (fd: number): void => void writeCall(fd, ONE, 8)
/** Sets the counter back. */
export const clearEventfd = (fd: number): void => void readCall(fd, Buffer.alloc(8), 8)

/** Waits until a descriptor is ready or the time is over; answers the events of those ready. */
export function poll(
  entries: readonly { readonly fd: number; readonly events: number }[],
  timeoutMs: number,
): Map<number, number> {
  const table = Buffer.alloc(entries.length * 8)
  entries.forEach(({ fd, events }, index) => {
    table.writeInt32LE(fd, index * 8)
    table.writeInt16LE(events, index * 8 + 4)
  })
  const ready = new Map<number, number>()
  if ((pollCall(table, entries.length, timeoutMs) as number) <= 0) return ready
  entries.forEach(({ fd }, index) => {
    const revents = table.readInt16LE(index * 8 + 6)
    if (revents) ready.set(fd, revents)
  })
  return ready
}
