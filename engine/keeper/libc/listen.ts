import { AF_INET6, encodeAddress, familyOf } from './address.ts'
import { koffi, libc, libcError } from './core.ts'

/*
 * Listening sockets by number. They are made on the keeper's main thread, in the host's network namespace, and
 * accepted from on the proxy's thread, which may live in another.
 */
const SOCK_STREAM = 1
const SOCK_DGRAM = 2
const SOCK_FLAGS = 0o2000000 | 0o4000
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const IPPROTO_IPV6 = 41
const IPPROTO_SCTP = 132
const IPV6_V6ONLY = 26
const F_DUPFD_CLOEXEC = 1030
const CLONE_NEWNET = 0x40000000

const c = {
  socket: libc.func('int socket(int, int, int)'),
  setsockopt: libc.func('int setsockopt(int, int, int, const void *, uint32_t)'),
  bind: libc.func('int bind(int, const void *, uint32_t)'),
  listen: libc.func('int listen(int, int)'),
  getsockname: libc.func('int getsockname(int, void *, void *)'),
  close: libc.func('int close(int)'),
  fcntl: libc.func('int fcntl(int, int, int)'),
  setns: libc.func('int setns(int, int)'),
  unshare: libc.func('int unshare(int)'),
}
const ONE = Buffer.from([1, 0, 0, 0])

/** A bound socket, listening if TCP; of SCTP a bound one alone. Port 0 lets the kernel choose. */
export function openListener(
  protocol: 'tcp' | 'udp' | 'sctp',
  host: string,
  port: number,
): { readonly fd: number; readonly port: number } {
  const family = familyOf(host)
  const fd = c.socket(
    family,
    (protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_FLAGS,
    protocol === 'sctp' ? IPPROTO_SCTP : 0,
  ) as number
  if (fd < 0) throw libcError('socket', host)
  try {
    if (protocol === 'tcp') c.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ONE, 4)
    if (family === AF_INET6) c.setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, ONE, 4)
    const address = encodeAddress(host, port)
    if ((c.bind(fd, address, address.length) as number) < 0) throw libcError('bind', `${host}:${port}`, koffi.errno())
    if (protocol === 'tcp' && (c.listen(fd, 1024) as number) < 0)
      throw libcError('listen', `${host}:${port}`, koffi.errno())
    const size = Buffer.from([28, 0, 0, 0])
    const bound = Buffer.alloc(28)
    c.getsockname(fd, bound, size)
    return { fd, port: bound.readUInt16BE(2) }
  } catch (error) {
    c.close(fd)
    throw error
  }
}

/** A second descriptor of a listener: its port stays bound until both are closed. */
export function shareListener(fd: number): number {
  const copy = c.fcntl(fd, F_DUPFD_CLOEXEC, 3) as number
  if (copy < 0) throw libcError('fcntl', `fd ${fd}`)
  return copy
}

export const closeListener = (fd: number): void => void c.close(fd)

/** Moves the calling thread, and it alone, into the network namespace behind a descriptor. */
export function enterNetworkNamespace(fd: number): void {
  if ((c.setns(fd, CLONE_NEWNET) as number) < 0) throw libcError('setns', `fd ${fd}`)
}

/** Moves the calling thread, and it alone, into a network namespace of its own. */
export function makeNetworkNamespace(): void {
  if ((c.unshare(CLONE_NEWNET) as number) < 0) throw libcError('unshare', 'network namespace')
}
