import { describe, expect, it } from 'vitest'
import { collectTranslated, collectTuples } from '../../../../engine/keeper/libc/conntrack.ts'
import { isAnswerTo } from '../../../../engine/keeper/libc/nfnetlink.ts'

const attribute = (type: number, content: Buffer) => {
  const bytes = Buffer.alloc((4 + content.length + 3) & ~3)
  bytes.writeUInt16LE(4 + content.length, 0)
  bytes.writeUInt16LE(type, 2)
  content.copy(bytes, 4)
  return bytes
}
const tuple = (protocol: number, port: number) =>
  attribute(
    2 | 0x8000,
    Buffer.concat([attribute(1, Buffer.from([protocol])), attribute(3, Buffer.from([port >> 8, port & 255]))]),
  )
const entry = (protocol: number, port: number) => connection(attribute(1 | 0x8000, tuple(protocol, port)))
const connection = (...parts: Buffer[]) => {
  const body = Buffer.concat(parts)
  const header = Buffer.alloc(20)
  header.writeUInt32LE(20 + body.length, 0)
  header.writeUInt16LE(1 << 8, 4)
  return Buffer.concat([header, body])
}
/** A connection that answers come for from 10.0.0.2; `status` and the state of TCP as the kernel has them. */
const translated = (status: number, state?: number) =>
  connection(
    attribute(
      2 | 0x8000,
      attribute(
        1 | 0x8000,
        Buffer.concat([attribute(1, Buffer.from([10, 0, 0, 2])), attribute(2, Buffer.from([10, 0, 0, 1]))]),
      ),
    ),
    attribute(3, Buffer.from([0, 0, 0, status])),
    ...(state === undefined ? [] : [attribute(4 | 0x8000, attribute(1 | 0x8000, attribute(1, Buffer.from([state]))))]),
  )
const done = Buffer.alloc(20)
done.writeUInt32LE(20, 0)
done.writeUInt16LE(3, 4)

describe('the kernel’s connections', () => {
  it('are chosen by UDP and port, until the list is over', () => {
    const found: Buffer[] = []
    const packet = Buffer.concat([entry(17, 5353), entry(6, 5353), entry(17, 9), entry(17, 53)])
    expect(collectTuples(packet, new Set([5353, 53]), found)).toBe(false)
    expect(found).toEqual([tuple(17, 5353), tuple(17, 53)])
    expect(collectTuples(done, new Set([53]), found)).toBe(true)
  })

  it('are taken from the answer to what was asked, not from what a list before it left', () => {
    const packet = entry(17, 53)
    packet.writeUInt32LE(7, 8)
    expect(isAnswerTo(packet, 7)).toBe(true)
    expect(isAnswerTo(packet, 8)).toBe(false)
    expect(isAnswerTo(packet.subarray(0, 8), 7)).toBe(false)
  })

  it('are counted by the address that they were led to, while they live and were answered', () => {
    const [answered, led] = [1 << 1, 1 << 5]
    const counts = new Map<string, number>()
    const alive = [translated(answered | led, 3), translated(answered | led)]
    const others = [translated(answered, 3), translated(led, 3), translated(answered | led, 7)]
    expect(collectTranslated(Buffer.concat([...alive, ...others]), counts)).toBe(false)
    expect(counts).toEqual(new Map([['0a000002', 2]]))
    expect(collectTranslated(done, counts)).toBe(true)
  })
})
