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
