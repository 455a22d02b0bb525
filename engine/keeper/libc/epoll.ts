import { koffi, libc, libcError } from './core.ts'

const EPOLL_CLOEXEC = 0o2000000
const EPOLL_CTL_ADD = 1
const EPOLL_CTL_DEL = 2
export const EPOLLIN = 0x1
export const EPOLLOUT = 0x4
/** Told once for each change, not as long as it lasts. */
export const EPOLLET = 0x80000000
/** `struct epoll_event` is packed on x86 alone. */
const EVENT_BYTES = process.arch === 'x64' ? 12 : 16
const DATA_AT = EVENT_BYTES - 8
const MAX_EVENTS = 256

const c = {
  create: libc.func('int epoll_create1(int)'),
  ctl: libc.func('int epoll_ctl(int, int, int, void *)'),
  wait: libc.func('int epoll_wait(int, void *, int, int)'),
}

/** A set of watched descriptors. */
export interface Epoll {
  add(fd: number, events: number): void
  remove(fd: number): void
  /** Waits for events, −1 for ever; calls `on` for each. */
  wait(timeoutMs: number, on: (fd: number, events: number) => void): void
}

/** Makes an epoll instance of the calling thread's own. */
export function createEpoll(): Epoll {
  const epoll = c.create(EPOLL_CLOEXEC) as number
  if (epoll < 0) throw libcError('epoll_create1', '')
  const entry = Buffer.alloc(EVENT_BYTES)
  const table = Buffer.alloc(EVENT_BYTES * MAX_EVENTS)
  return {
    add(fd, events) {
      entry.writeUInt32LE(events >>> 0, 0)
      entry.writeUInt32LE(fd, DATA_AT)
      if ((c.ctl(epoll, EPOLL_CTL_ADD, fd, entry) as number) < 0)
        throw libcError('epoll_ctl', `fd ${fd}`, koffi.errno())
    },
    remove: (fd) => void c.ctl(epoll, EPOLL_CTL_DEL, fd, entry),
    wait(timeoutMs, on) {
      const count = c.wait(epoll, table, MAX_EVENTS, timeoutMs) as number
      for (let index = 0; index < count; index += 1) {
        const at = index * EVENT_BYTES
        on(table.readUInt32LE(at + DATA_AT), table.readUInt32LE(at))
      }
    },
  }
}
