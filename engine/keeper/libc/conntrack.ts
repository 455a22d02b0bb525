import { align, attribute, NESTED, readAttributes, TYPE_MASK } from './attributes.ts'
import { closeNetfilter, eachMessage, listNetfilter, openNetfilter, sendNetfilter } from './nfnetlink.ts'

/*
 * ctnetlink (linux/netfilter/nfnetlink_conntrack.h): list the kernel's connections, delete those that lead to a
 * published UDP port, and count those that were led to containers. Without the deletion, a client that keeps its source
 * port is led to where the port led before.
 *
 *   nlmsghdr 16 · nfgenmsg 4 · attributes: TUPLE_ORIG { IP {…} PROTO { NUM, SRC_PORT, DST_PORT } } · TUPLE_REPLY …
 *                                          STATUS u32 · PROTOINFO { TCP { STATE u8 … } }
 */
const CT_GET = (1 << 8) | 1
const CT_DELETE = (1 << 8) | 2
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

/** Connections alive that address translation has led elsewhere, by the address they were led to, in hex. */
export function countTranslated(fd: number, family: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  listNetfilter(fd, { type: CT_GET, family }, (packet) => collectTranslated(packet, counts))
  return counts
}

/** Adds a packet's connections to the counts; answers whether the list is over. */
export function collectTranslated(packet: Buffer, counts: Map<string, number>): boolean {
  return eachMessage(packet, (start, end) => {
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

/** Forgets the UDP connections to ports of this machine, in the calling thread's namespace. `family`: AF_INET or AF_INET6. */
export function forgetUdpConnections(family: number, ports: ReadonlySet<number>): void {
  const fd = openNetfilter()
  try {
    const found: Buffer[] = []
    listNetfilter(fd, { type: CT_GET, family }, (packet) => collectTuples(packet, ports, found))
    for (const tuple of found)
      sendNetfilter(fd, { type: CT_DELETE, family, attributes: attribute(CTA_TUPLE_ORIG | NESTED, tuple) })
  } finally {
    closeNetfilter(fd)
  }
}

/** Copies of the original tuples in a packet that go to one of the UDP ports; answers whether the list is over. */
export function collectTuples(packet: Buffer, ports: ReadonlySet<number>, found: Buffer[]): boolean {
  return eachMessage(packet, (start, end) => {
    const tuple = readAttributes(packet.subarray(start, end)).get(CTA_TUPLE_ORIG)
    const proto = tuple && readAttributes(readAttributes(tuple).get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0))
    const isUdp = proto?.get(CTA_PROTO_NUM)?.[0] === IPPROTO_UDP
    const port = proto?.get(CTA_PROTO_DST_PORT)?.readUInt16BE(0)
    if (tuple && isUdp && port !== undefined && ports.has(port)) found.push(Buffer.from(tuple))
  })
}
