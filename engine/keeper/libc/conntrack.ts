import { koffi, libc, libcError } from './core.ts'

/*
 * ctnetlink (linux/netfilter/nfnetlink_conntrack.h): list the kernel's connections, delete those that lead to a
 * published UDP port. Without that, a client that keeps its source port is led to where the port led before.
 *
 *   nlmsghdr 16 · nfgenmsg 4 · attributes: TUPLE_ORIG { IP {…} PROTO { NUM, SRC_PORT, DST_PORT } } …
 */
const AF_NETLINK = 16
const SOCK_RAW = 3
const SOCK_CLOEXEC = 0o2000000
const NETLINK_NETFILTER = 12
const CT_GET = (1 << 8) | 1
const CT_DELETE = (1 << 8) | 2
const NLM_F_REQUEST = 1
const NLM_F_DUMP = 0x300
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const CTA_TUPLE_ORIG = 1
const CTA_TUPLE_PROTO = 2
const CTA_PROTO_NUM = 1
const CTA_PROTO_DST_PORT = 3
const TYPE_MASK = 0x3fff
const IPPROTO_UDP = 17
const PACKET_BYTES = 256 * 1024

const c = {
  socket: libc.func('int socket(int, int, int)'),
  send: libc.func('long send(int, const void *, size_t, int)'),
  recv: libc.func('long recv(int, void *, size_t, int)'),
  close: libc.func('int close(int)'),
}

/** Forgets the UDP connections to ports of this machine, in the calling thread's namespace. `family`: AF_INET or AF_INET6. */
export function forgetUdpConnections(family: number, ports: ReadonlySet<number>): void {
  const fd = c.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER) as number
  if (fd < 0) throw libcError('socket', 'netlink')
  try {
    send(fd, message(CT_GET, NLM_F_REQUEST | NLM_F_DUMP, family))
    const found: Buffer[] = []
    const packet = Buffer.allocUnsafeSlow(PACKET_BYTES)
    for (let isDone = false; !isDone; ) {
      const bytes = Number(c.recv(fd, packet, packet.length, 0))
      if (bytes <= 0) break
      isDone = collectTuples(packet.subarray(0, bytes), ports, found)
    }
    for (const tuple of found) send(fd, message(CT_DELETE, NLM_F_REQUEST, family, tuple))
  } finally {
    c.close(fd)
  }
}

/** Copies of the original tuples in a packet that go to one of the UDP ports; answers whether the list is over. */
export function collectTuples(packet: Buffer, ports: ReadonlySet<number>, found: Buffer[]): boolean {
  for (let at = 0; at + 16 <= packet.length; ) {
    const length = packet.readUInt32LE(at)
    const type = packet.readUInt16LE(at + 4)
    if (type === NLMSG_DONE || type === NLMSG_ERROR || length < 16) return true
    const tuple = attributes(packet.subarray(at + 20, at + length)).get(CTA_TUPLE_ORIG)
    const proto = tuple && attributes(attributes(tuple).get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0))
    const isUdp = proto?.get(CTA_PROTO_NUM)?.[0] === IPPROTO_UDP
    const port = proto?.get(CTA_PROTO_DST_PORT)?.readUInt16BE(0)
    if (tuple && isUdp && port !== undefined && ports.has(port)) found.push(Buffer.from(tuple))
    at += align(length)
  }
  return false
}

function attributes(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>()
  for (let at = 0; at + 4 <= bytes.length; ) {
    const length = bytes.readUInt16LE(at)
    if (length < 4) break
    found.set(bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + 4, at + length))
    at += align(length)
  }
  return found
}

function message(type: number, flags: number, family: number, tuple?: Buffer): Buffer {
  const size = tuple ? align(4 + tuple.length) : 0
  const bytes = Buffer.alloc(20 + size)
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeUInt16LE(type, 4)
  bytes.writeUInt16LE(flags, 6)
  bytes[16] = family
  if (tuple) {
    bytes.writeUInt16LE(4 + tuple.length, 20)
    bytes.writeUInt16LE(CTA_TUPLE_ORIG | 0x8000, 22)
    tuple.copy(bytes, 24)
  }
  return bytes
}

function send(fd: number, bytes: Buffer): void {
  if (Number(c.send(fd, bytes, bytes.length, 0)) < 0) throw libcError('send', 'netlink', koffi.errno())
}

const align = (bytes: number) => (bytes + 3) & ~3
