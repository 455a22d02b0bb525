import { libc, libcError } from './core.ts'

/*
 * Descriptors by number: sockets of a kind that Node's `net` cannot open (SOCK_SEQPACKET), pidfds and an eventfd to
 * wake a thread that waits in poll(2).
 */
const AF_UNIX = 1
const SOCK_SEQPACKET = 5
const SOCK_CLOEXEC = 0o2000000
const SYS_pidfd_open = 434
export const POLLIN = 1
export const POLLOUT = 4
export const POLLHUP = 0x10
export const POLLERR = 8
export const SHUT_WR = 1
const MSG_NOSIGNAL = 0x4000
const MSG_DONTWAIT = 0x40

const c = {
  socket: libc.func('int socket(int, int, int)'),
  connect: libc.func('int connect(int, const void *, uint32_t)'),
  recv: libc.func('ssize_t recv(int, void *, size_t, int)'),
  send: libc.func('ssize_t send(int, const void *, size_t, int)'),
  shutdown: libc.func('int shutdown(int, int)'),
  close: libc.func('int close(int)'),
  poll: libc.func('int poll(void *, unsigned long, int)'),
  eventfd: libc.func('int eventfd(unsigned int, int)'),
  write: libc.func('ssize_t write(int, const void *, size_t)'),
  read: libc.func('ssize_t read(int, void *, size_t)'),
  syscall2: libc.func('syscall', 'long', ['long', 'int', 'int']),
}

/** Connects to a SOCK_SEQPACKET unix socket; paths of 107 bytes at most. */
export function connectSeqpacket(path: string): number {
  const name = Buffer.from(path)
  if (name.length > 107) throw libcError('connect', `${path}: the path is too long`, 36)
  const fd = c.socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0) as number
  if (fd < 0) throw libcError('socket', path)
  const address = Buffer.alloc(110)
  address.writeUInt16LE(AF_UNIX, 0)
  name.copy(address, 2)
  if ((c.connect(fd, address, 2 + name.length + 1) as number) < 0) {
    const error = libcError('connect', path)
    c.close(fd)
    throw error
  }
  return fd
}

/** One packet into `buffer`; 0 is the end, −1 nothing now. */
export function receive(fd: number, buffer: Buffer): number {
  return Number(c.recv(fd, buffer, buffer.length, MSG_DONTWAIT))
}

/** One packet out, without waiting; how many bytes went, −1 for none now. */
export function sendPacket(fd: number, bytes: Uint8Array): number {
  return Number(c.send(fd, bytes, bytes.length, MSG_NOSIGNAL | MSG_DONTWAIT))
}

export const shutdownWrite = (fd: number): void => void c.shutdown(fd, SHUT_WR)
export const closeFd = (fd: number): void => void c.close(fd)

/** A descriptor that becomes readable when the process ends; −1 when there is no such process. */
export function openPidfd(pid: number): number {
  return Number(c.syscall2(SYS_pidfd_open, pid, 0))
}

/** A counter that wakes a poll. */
export function createEventfd(): number {
  return c.eventfd(0, 0o4000 | SOCK_CLOEXEC) as number
}
const ONE = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])
export const signalEventfd = (fd: number): void => void c.write(fd, ONE, 8)
export const clearEventfd = (fd: number): void => void c.read(fd, Buffer.alloc(8), 8)

/** Waits until a descriptor is ready or the time is over; answers those ready. */
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
  if ((c.poll(table, entries.length, timeoutMs) as number) <= 0) return ready
  entries.forEach(({ fd }, index) => {
    const revents = table.readInt16LE(index * 8 + 6)
    if (revents) ready.set(fd, revents)
  })
  return ready
}
