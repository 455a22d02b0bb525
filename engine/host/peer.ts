import type { Socket } from 'node:net'
import { libc } from '../keeper/libc/core.ts'

const SOL_SOCKET = 1
const SO_PEERCRED = 17
const POLLHUP = 0x10
const getsockopt = libc.func('int getsockopt(int, int, int, void *, void *)')

const poll = libc.func('int poll(void *, unsigned long, int)')

const descriptorOf = (socket: Socket): number =>
  (socket as unknown as { readonly _handle?: { readonly fd?: number } })._handle?.fd ?? -1

/** Who is on the other side of a unix socket, as the kernel has noted at the connection; ids of −1 when it cannot be told. */
export function peerOf(socket: Socket): { readonly pid: number; readonly uid: number } {
  const unknown = { pid: -1, uid: -1 }
  const fd = descriptorOf(socket)
  if (fd < 0) return unknown
  // struct ucred: pid, uid, gid.
  const credentials = Buffer.alloc(12)
  const size = Buffer.from([credentials.length, 0, 0, 0])
  if ((getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, size) as number) < 0) return unknown
  return { pid: credentials.readInt32LE(0), uid: credentials.readInt32LE(4) }
}

/** Whether the other side of a unix socket has closed it, and not only ended what it sends. */
export function isPeerGone(socket: Socket): boolean {
  const entry = Buffer.alloc(8)
  entry.writeInt32LE(descriptorOf(socket), 0)
  return (poll(entry, 1, 0) as number) > 0 && (entry.readInt16LE(6) & POLLHUP) !== 0
}
