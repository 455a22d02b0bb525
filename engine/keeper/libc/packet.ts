import { koffi, libc, libcError } from './core.ts'

/*
 * Packets of an interface by a ring that the kernel fills (linux/if_packet.h, TPACKET_V3). The ring is blocks; the kernel
 * hands one over when it is full or has waited long enough, and gets it back by the same word:
 *
 *   block    version u32 · offset u32 · STATUS u32 · packets u32 · first u32 · length u32 · …
 *   packet   next u32 · seconds u32 · nanoseconds u32 · kept u32 · whole u32 · status u32 · mac u16 · net u16 · …
 *            at 48 its sockaddr_ll, whose byte 10 says whether it came or went
 *
 * Blocks are copied by `memcpy`, since not every JavaScript engine lets a buffer lie in foreign memory.
 */
const AF_PACKET = 17
const SOCK_RAW = 3
const SOCK_FLAGS = 0o2000000 | 0o4000
const SOL_PACKET = 263
const PACKET_RX_RING = 5
const PACKET_STATISTICS = 6
const PACKET_VERSION = 10
const TPACKET_V3 = 2
const ETH_P_ALL = 3
const ARPHRD_ETHER = 1
const ARPHRD_LOOPBACK = 772
const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const STATUS_AT = 8
const LENGTH_AT = 20
const TP_STATUS_USER = 1
const HEAD_BYTES = 48

/** A block is given over after so long, full or not. */
const BLOCK_WAIT_MS = 100
export const BLOCK_BYTES = 256 * 1024
const BLOCKS = 16
const FRAME_BYTES = 2048

const c = {
  socket: libc.func('int socket(int, int, int)'),
  bind: libc.func('int bind(int, const void *, uint32_t)'),
  getsockname: libc.func('int getsockname(int, void *, void *)'),
  setsockopt: libc.func('int setsockopt(int, int, int, const void *, uint32_t)'),
  getsockopt: libc.func('int getsockopt(int, int, int, void *, void *)'),
  close: libc.func('int close(int)'),
  mmap: libc.func('uintptr_t mmap(uintptr_t, size_t, int, int, int, long)'),
  munmap: libc.func('int munmap(uintptr_t, size_t)'),
  copyOut: libc.func('void *memcpy(void *, uintptr_t, size_t)'),
  copyIn: libc.func('uintptr_t memcpy(uintptr_t, const void *, size_t)'),
  indexOf: libc.func('unsigned int if_nametoindex(const char *)'),
}
const words = (...values: number[]) => {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => bytes.writeUInt32LE(value >>> 0, index * 4))
  return bytes
}
const RETURNED = words(0)

/** An interface's packets, both ways. */
export interface PacketRing {
  readonly fd: number
  /** The next block that is ready, as a copy; the kernel has it back by then. `null` when there is none. */
  next(): Buffer | null
  /** Packets that found no room since this was last asked. */
  dropped(): number
  close(): void
}

/** Opens a ring on an interface of the calling thread's namespace; needs CAP_NET_RAW there. */
export function openPacketRing(name: string): PacketRing {
  const index = c.indexOf(name) as number
  if (index === 0) throw libcError('if_nametoindex', name)
  // Bound to nothing first, so that no packet of another interface gets in.
  const fd = c.socket(AF_PACKET, SOCK_RAW | SOCK_FLAGS, 0) as number
  if (fd < 0) throw libcError('socket', 'AF_PACKET')
  let ring: number | bigint = 0
  const close = () => {
    if (ring) c.munmap(ring, BLOCK_BYTES * BLOCKS)
    ring = 0
    c.close(fd)
  }
  try {
    ring = mapRing(fd)
    bindTo(fd, index, name)
  } catch (error) {
    close()
    throw error
  }
  return { fd, close, dropped: () => countDropped(fd), next: createReader(BigInt(ring)) }
}

function createReader(ring: bigint): () => Buffer | null {
  const head = Buffer.alloc(HEAD_BYTES)
  let turn = 0
  return () => {
    const block = ring + BigInt(turn * BLOCK_BYTES)
    c.copyOut(head, block, HEAD_BYTES)
    if ((head.readUInt32LE(STATUS_AT) & TP_STATUS_USER) === 0) return null
    const copy = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, head.readUInt32LE(LENGTH_AT)))
    c.copyOut(copy, block, copy.length)
    c.copyIn(block + BigInt(STATUS_AT), RETURNED, 4)
    turn = (turn + 1) % BLOCKS
    return copy
  }
}

function mapRing(fd: number): number | bigint {
  const request = words(BLOCK_BYTES, BLOCKS, FRAME_BYTES, (BLOCK_BYTES / FRAME_BYTES) * BLOCKS, BLOCK_WAIT_MS, 0, 0)
  const set = (option: number, value: Buffer) => {
    if ((c.setsockopt(fd, SOL_PACKET, option, value, value.length) as number) < 0)
      throw libcError('setsockopt', 'the packet ring', koffi.errno())
  }
  set(PACKET_VERSION, words(TPACKET_V3))
  set(PACKET_RX_RING, request)
  const ring = c.mmap(0, BLOCK_BYTES * BLOCKS, PROT_READ_WRITE, MAP_SHARED, fd, 0) as number | bigint
  if (BigInt.asIntN(64, BigInt(ring)) === -1n) throw libcError('mmap', 'the packet ring', koffi.errno())
  return ring
}

/*
 * sockaddr_ll:  family u16 · protocol u16 (big endian) · index i32 · hardware u16 · packet type u8 · length u8 · address 8
 */
function bindTo(fd: number, index: number, name: string): void {
  const address = Buffer.alloc(20)
  address.writeUInt16LE(AF_PACKET, 0)
  address.writeUInt16BE(ETH_P_ALL, 2)
  address.writeInt32LE(index, 4)
  if ((c.bind(fd, address, address.length) as number) < 0) throw libcError('bind', name, koffi.errno())
  c.getsockname(fd, address, words(address.length))
  const hardware = address.readUInt16LE(8)
  if (hardware !== ARPHRD_ETHER && hardware !== ARPHRD_LOOPBACK)
    throw Object.assign(new Error(`${name} has no Ethernet frames (hardware type ${hardware})`), { errno: 0 })
}

/** The kernel counts from the last time it was asked. */
function countDropped(fd: number): number {
  const counts = Buffer.alloc(12)
  return (c.getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, counts, words(counts.length)) as number) < 0
    ? 0
    : counts.readUInt32LE(4)
}
