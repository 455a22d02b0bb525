import { align, readAttributes, TYPE_MASK } from './attributes.ts'
import { koffi, libc, libcError } from './core.ts'

/*
 * ctnetlink (linux/netfilter/nfnetlink_conntrack.h): list the kernel's connections, delete those that lead to a
 * published UDP port, and count those that were led to containers. Without the deletion, a client that keeps its source
 * port is led to where the port led before.
 *
 *   nlmsghdr 16 · nfgenmsg 4 · attributes: TUPLE_ORIG { IP {…} PROTO { NUM, SRC_PORT, DST_PORT } } · TUPLE_REPLY …
 *                                          STATUS u32 · PROTOINFO { TCP { STATE u8 … } }
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
const CTA_TUPLE_REPLY = 2
const CTA_STATUS = 3
const CTA_PROTOINFO = 4
const CTA_TUPLE_IP = 1
const CTA_PROTOINFO_TCP = 1
const CTA_PROTOINFO_TCP_STATE = 1
const TCP_ESTABLISHED = 3
const SEEN_REPLY = 1 << 1
const LED_ELSEWHERE = 1 << 5
const CTA_TUPLE_PROTO = 2
const CTA_PROTO_NUM = 1
const CTA_PROTO_DST_PORT = 3
const IPPROTO_UDP = 17
const PACKET_BYTES = 256 * 1024
const MSG_DONTWAIT = 0x40
const EINTR = 4
const EAGAIN = 11
const ENOBUFS = 105

const c = {
  socket: libc.func('int socket(int, int, int)'),
  send: libc.func('long send(int, const void *, size_t, int)'),
  recv: libc.func('long recv(int, void *, size_t, int)'),
  close: libc.func('int close(int)'),
}

/** A socket that asks for connections of the calling thread's namespace, from whichever thread it is used. */
export function openConnectionTable(): number {
  const fd = c.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER) as number
  if (fd < 0) throw libcError('socket', 'netlink')
  return fd
}

/** Connections alive that address translation has led elsewhere, by the address they were led to, in hex. */
export function countTranslated(fd: number, family: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  listConnections(fd, family, (packet) => collectTranslated(packet, counts))
  return counts
}

/** Adds a packet's connections to the counts; answers whether the list is over. */
export function collectTranslated(packet: Buffer, counts: Map<string, number>): boolean {
  return eachConnection(packet, (start, end) => {
    const status = find(packet, { start, end, type: CTA_STATUS })
    const flags = status ? packet.readUInt32BE(status.start) : 0
    if ((flags & LED_ELSEWHERE) === 0 || (flags & SEEN_REPLY) === 0) return
    const info = find(packet, { start, end, type: CTA_PROTOINFO })
    const tcp = info && find(packet, { ...info, type: CTA_PROTOINFO_TCP })
    const state = tcp && find(packet, { ...tcp, type: CTA_PROTOINFO_TCP_STATE })
    if (state && packet[state.start] !== TCP_ESTABLISHED) return
    const reply = find(packet, { start, end, type: CTA_TUPLE_REPLY })
    const addresses = reply && find(packet, { ...reply, type: CTA_TUPLE_IP })
    // Of either version the first attribute is the source.
    if (!addresses) return
    const source = packet.toString('hex', addresses.start + 4, addresses.start + packet.readUInt16LE(addresses.start))
    counts.set(source, (counts.get(source) ?? 0) + 1)
  })
}

interface Span {
  readonly start: number
  readonly end: number
}

/** An attribute's content among those of a span. */
function find(packet: Buffer, { start, end, type }: Span & { readonly type: number }): Span | undefined {
  for (let at = start; at + 4 <= end; ) {
    const length = packet.readUInt16LE(at)
    if (length < 4) return undefined
    if ((packet.readUInt16LE(at + 2) & TYPE_MASK) === type) return { start: at + 4, end: at + length }
    at += align(length)
  }
  return undefined
}

/** Calls with the attributes of each connection in a packet; answers whether the list is over. */
function eachConnection(packet: Buffer, on: (start: number, end: number) => void): boolean {
  for (let at = 0; at + 16 <= packet.length; ) {
    const length = packet.readUInt32LE(at)
    const type = packet.readUInt16LE(at + 4)
    if (type === NLMSG_DONE || type === NLMSG_ERROR || length < 16) return true
    on(at + 20, at + length)
    at += align(length)
  }
  return false
}

let sequence = 0

function listConnections(fd: number, family: number, collect: (packet: Buffer) => boolean): void {
  sequence = (sequence + 1) >>> 0
  const own = sequence
  send(fd, message({ type: CT_GET, flags: NLM_F_REQUEST | NLM_F_DUMP, family, sequence: own }))
  const packet = Buffer.allocUnsafeSlow(PACKET_BYTES)
  for (let isDone = false; !isDone; ) {
    const bytes = receive(fd, packet)
    if (bytes === 0) return
    // What a list that was left off still had to say is no part of this one.
    if (isAnswerTo(packet.subarray(0, bytes), own)) isDone = collect(packet.subarray(0, bytes))
  }
}

/** Whether a packet is of the answer to a question with this number. */
export const isAnswerTo = (packet: Buffer, number: number): boolean =>
  packet.length >= 16 && packet.readUInt32LE(8) === number

/** The next packet's length; 0 when nothing more comes. The kernel puts each next one there while the last is taken. */
function receive(fd: number, packet: Buffer): number {
  for (;;) {
    const bytes = Number(c.recv(fd, packet, packet.length, MSG_DONTWAIT))
    if (bytes >= 0) return bytes
    const errno = koffi.errno()
    if (errno === EAGAIN) return 0
    // It was disturbed, or something found no room: what there is can be read all the same.
    if (errno !== EINTR && errno !== ENOBUFS) throw libcError('recv', 'netlink', errno)
  }
}

/** Forgets the UDP connections to ports of this machine, in the calling thread's namespace. `family`: AF_INET or AF_INET6. */
export function forgetUdpConnections(family: number, ports: ReadonlySet<number>): void {
  const fd = openConnectionTable()
  try {
    const found: Buffer[] = []
    listConnections(fd, family, (packet) => collectTuples(packet, ports, found))
    for (const tuple of found) send(fd, message({ type: CT_DELETE, flags: NLM_F_REQUEST, family, sequence: 0, tuple }))
  } finally {
    c.close(fd)
  }
}

/** Copies of the original tuples in a packet that go to one of the UDP ports; answers whether the list is over. */
export function collectTuples(packet: Buffer, ports: ReadonlySet<number>, found: Buffer[]): boolean {
  return eachConnection(packet, (start, end) => {
    const tuple = readAttributes(packet.subarray(start, end)).get(CTA_TUPLE_ORIG)
    const proto = tuple && readAttributes(readAttributes(tuple).get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0))
    const isUdp = proto?.get(CTA_PROTO_NUM)?.[0] === IPPROTO_UDP
    const port = proto?.get(CTA_PROTO_DST_PORT)?.readUInt16BE(0)
    if (tuple && isUdp && port !== undefined && ports.has(port)) found.push(Buffer.from(tuple))
  })
}

function message(question: {
  readonly type: number
  readonly flags: number
  readonly family: number
  readonly sequence: number
  readonly tuple?: Buffer
}): Buffer {
  const { tuple } = question
  const size = tuple ? align(4 + tuple.length) : 0
  const bytes = Buffer.alloc(20 + size)
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeUInt16LE(question.type, 4)
  bytes.writeUInt16LE(question.flags, 6)
  bytes.writeUInt32LE(question.sequence, 8)
  bytes[16] = question.family
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
