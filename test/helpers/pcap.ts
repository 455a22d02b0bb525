/** A packet of a .pcap file: when, and its Ethernet frame. */
export interface CapturedPacket {
  readonly seconds: number
  readonly wholeBytes: number
  readonly frame: Buffer
}

/** Reads a .pcap file of Ethernet frames with nanoseconds; throws where it breaks the format. */
export function readPcap(file: Buffer): readonly CapturedPacket[] {
  if (file.readUInt32LE(0) !== 0xa1b23c4d) throw new Error('no pcap file with nanoseconds')
  if (file.readUInt16LE(4) !== 2 || file.readUInt16LE(6) !== 4) throw new Error('another version of pcap')
  if (file.readUInt32LE(20) !== 1) throw new Error('the frames are not of Ethernet')
  const packets: CapturedPacket[] = []
  for (let at = 24; at < file.length; ) {
    const nanoseconds = file.readUInt32LE(at + 4)
    const kept = file.readUInt32LE(at + 8)
    if (nanoseconds >= 1e9 || at + 16 + kept > file.length) throw new Error(`packet ${packets.length} is broken`)
    packets.push({
      seconds: file.readUInt32LE(at) + nanoseconds / 1e9,
      wholeBytes: file.readUInt32LE(at + 12),
      frame: file.subarray(at + 16, at + 16 + kept),
    })
    at += 16 + kept
  }
  return packets
}

/** What an IPv4 TCP segment in a frame is; `null` for other frames. */
export function readTcp({ frame }: CapturedPacket) {
  const header = frame.subarray(14)
  if (frame.readUInt16BE(12) !== 0x0800 || header[9] !== 6) return null
  const segment = header.subarray(((header[0] ?? 0) & 15) * 4, header.readUInt16BE(2))
  return {
    source: header.subarray(12, 16).join('.'),
    destination: header.subarray(16, 20).join('.'),
    port: segment.readUInt16BE(2),
    isFirst: ((segment[13] ?? 0) & 0x12) === 0x02,
    payload: segment.subarray(((segment[12] ?? 0) >> 4) * 4),
  }
}
