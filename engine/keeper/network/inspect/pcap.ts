/*
 * pcap with nanoseconds, as tcpdump and Wireshark read it (draft-ietf-opsawg-pcap), little endian:
 *
 *   file     0xa1b23c4d u32 · version 2.4 · 0 · 0 · most bytes of a packet u32 · link type u32 (1: Ethernet)
 *   packet   seconds u32 · nanoseconds u32 · kept u32 · whole u32 · bytes
 */
const MAGIC = 0xa1b23c4d
const LINK_ETHERNET = 1
const SNAP_BYTES = 262_144
const RECORD_BYTES = 16

const PACKETS_AT = 12
const FIRST_AT = 16
const ADDRESS_AT = 48
const PACKET_TYPE_AT = ADDRESS_AT + 10
const PACKET_OUTGOING = 4
const VLAN_VALID = 1 << 4
const VLAN_ETHERTYPE = 0x8100
const MACS_BYTES = 12

/** What a file begins with. */
export function pcapHeader(): Buffer {
  const header = Buffer.alloc(24)
  header.writeUInt32LE(MAGIC, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(SNAP_BYTES, 16)
  header.writeUInt32LE(LINK_ETHERNET, 20)
  return header
}

/** A block of the ring (see libc/packet.ts) as records of the file. On loopback each packet goes out and comes in: one is kept. */
export function blockToRecords(
  block: Buffer,
  { isLoopback }: { readonly isLoopback: boolean },
): { readonly records: Buffer; readonly packets: number } {
  const parts: Buffer[] = []
  let at = block.readUInt32LE(FIRST_AT)
  let packets = 0
  for (let left = block.readUInt32LE(PACKETS_AT); left > 0; left -= 1) {
    if (!isLoopback || block[at + PACKET_TYPE_AT] !== PACKET_OUTGOING) {
      parts.push(...toRecord(block, at))
      packets += 1
    }
    at += block.readUInt32LE(at)
  }
  return { records: Buffer.concat(parts), packets }
}

function toRecord(block: Buffer, at: number): Buffer[] {
  const start = at + block.readUInt16LE(at + 24)
  const frame = block.subarray(start, start + block.readUInt32LE(at + 12))
  const tag = vlanTag(block, at)
  const record = Buffer.alloc(RECORD_BYTES)
  block.copy(record, 0, at + 4, at + 12)
  record.writeUInt32LE(frame.length + tag.length, 8)
  record.writeUInt32LE(block.readUInt32LE(at + 16) + tag.length, 12)
  return tag.length > 0 ? [record, frame.subarray(0, MACS_BYTES), tag, frame.subarray(MACS_BYTES)] : [record, frame]
}

/** The kernel takes a VLAN's tag out of the frame and keeps it beside; readers expect it inside. */
function vlanTag(block: Buffer, at: number): Buffer {
  if ((block.readUInt32LE(at + 20) & VLAN_VALID) === 0) return Buffer.alloc(0)
  const tag = Buffer.alloc(4)
  tag.writeUInt16BE(block.readUInt16LE(at + 36) || VLAN_ETHERTYPE, 0)
  tag.writeUInt16BE(block.readUInt32LE(at + 32) & 0xffff, 2)
  return tag
}
