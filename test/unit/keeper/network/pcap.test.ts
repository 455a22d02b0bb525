import { expect, test } from 'vitest'
import { blockToRecords, pcapHeader } from '../../../../engine/keeper/network/inspect/pcap.ts'
import { readPcap } from '../../../helpers/pcap.ts'

const FIRST = 48
const FRAME_AT = 80
const FRAME = Buffer.from('0242ac1100020242ac110003080045000000', 'hex')

/** A block of the ring with some packets in it; `type` 4 is one that goes out. */
function makeBlock(packets: readonly { type?: number; tci?: number }[]): Buffer {
  const step = 128
  const block = Buffer.alloc(FIRST + packets.length * step)
  block.writeUInt32LE(packets.length, 12)
  block.writeUInt32LE(FIRST, 16)
  packets.forEach(({ type = 0, tci }, index) => {
    const at = FIRST + index * step
    block.writeUInt32LE(step, at)
    block.writeUInt32LE(1000 + index, at + 4)
    block.writeUInt32LE(5, at + 8)
    block.writeUInt32LE(FRAME.length, at + 12)
    block.writeUInt32LE(1500, at + 16)
    block.writeUInt32LE(tci === undefined ? 0 : 1 << 4, at + 20)
    block.writeUInt16LE(FRAME_AT, at + 24)
    block.writeUInt32LE(tci ?? 0, at + 32)
    block[at + 58] = type
    FRAME.copy(block, at + FRAME_AT)
  })
  return block
}
const read = (block: Buffer, isLoopback = false) => {
  const { records, packets } = blockToRecords(block, { isLoopback })
  const all = readPcap(Buffer.concat([pcapHeader(), records]))
  expect(all).toHaveLength(packets)
  return all
}

test('packets of a block become records with their time and their whole length', () => {
  expect(read(makeBlock([{}, {}]))).toEqual([
    { seconds: 1000 + 5e-9, wholeBytes: 1500, frame: FRAME },
    { seconds: 1001 + 5e-9, wholeBytes: 1500, frame: FRAME },
  ])
  expect(read(makeBlock([]))).toEqual([])
})

test('on loopback what goes out is left out, since it comes in again', () => {
  const block = makeBlock([{ type: 4 }, { type: 0 }])
  expect(read(block)).toHaveLength(2)
  expect(read(block, true)).toHaveLength(1)
})

test('the tag of a VLAN is put back where it was', () => {
  const [packet] = read(makeBlock([{ tci: 7 }]))
  expect(packet?.frame.subarray(12, 18).toString('hex')).toBe('810000070800')
  expect(packet?.wholeBytes).toBe(1504)
})
