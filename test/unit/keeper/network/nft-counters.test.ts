import { describe, expect, it } from 'vitest'
import { attribute, nested, textAttribute } from '../../../../engine/keeper/libc/attributes.ts'
import { collectCounters } from '../../../../engine/keeper/libc/nft-counters.ts'

const u64 = (value: bigint) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}
/** An element as the kernel sends it: its key, a timeout that we do not ask for, and its counter. */
const element = (key: number[], bytes: bigint) =>
  nested(
    1,
    nested(1, attribute(1, Buffer.from(key))),
    attribute(4, u64(600_000n)),
    nested(7, textAttribute(1, 'counter'), nested(2, attribute(1, u64(bytes)), attribute(2, u64(3n)))),
  )
const message = (type: number, ...attributes: Buffer[]) => {
  const body = Buffer.concat(attributes)
  const header = Buffer.alloc(20)
  header.writeUInt32LE(20 + body.length, 0)
  header.writeUInt16LE(type, 4)
  return Buffer.concat([header, body])
}

describe('counters of a set', () => {
  it('are read by element, from as many messages as there are, until the list is over', () => {
    const counts = new Map<string, number>()
    const list = (...elements: Buffer[]) =>
      message(0x0a0c, textAttribute(1, 'table'), textAttribute(2, 'to4'), nested(3, ...elements))
    const packet = Buffer.concat([
      list(element([10, 0, 0, 2], 1500n), element([10, 0, 0, 3], 5_000_000_000n)),
      list(element([10, 0, 0, 4], 1n)),
    ])
    expect(collectCounters(packet, counts)).toBe(false)
    expect(collectCounters(message(3), counts)).toBe(true)
    expect([...counts]).toEqual([
      ['0a000002', 1500],
      ['0a000003', 5_000_000_000],
      ['0a000004', 1],
    ])
  })

  it('are none where the kernel answers that there is no such set', () => {
    const counts = new Map<string, number>()
    expect(collectCounters(message(2), counts)).toBe(true)
    expect(counts.size).toBe(0)
  })
})
