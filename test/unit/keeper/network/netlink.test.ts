import { describe, expect, it } from 'vitest'
import { textAttribute } from '../../../../engine/keeper/libc/attributes.ts'
import { readLinksGone, readRulesNews } from '../../../../engine/keeper/libc/netlink.ts'

/** A message as the kernel sends it: header, nfgenmsg, one attribute with the table's name. */
function message(type: number, name: string): Buffer {
  const text = Buffer.from(`${name}\0`)
  const attribute = Buffer.alloc((4 + text.length + 3) & ~3)
  attribute.writeUInt16LE(4 + text.length, 0)
  attribute.writeUInt16LE(1, 2)
  text.copy(attribute, 4)
  const header = Buffer.alloc(20)
  header.writeUInt32LE(20 + attribute.length, 0)
  header.writeUInt16LE(type, 4)
  return Buffer.concat([header, attribute])
}

describe('the rules monitor', () => {
  it('names the tables that a packet says were deleted or changed, and no others', () => {
    const packet = Buffer.concat([
      message(0x0a02, 'slipway-1'),
      message(0x0a00, 'made'),
      message(0x0a02, 'b'),
      message(0x0a03, 'filter'),
      message(0x0a06, 'rule-added'),
    ])
    expect(readRulesNews(packet)).toEqual({ deleted: ['slipway-1', 'b'], changed: ['filter'] })
  })

  it('takes nothing from a packet that ends too early', () => {
    expect(readRulesNews(message(0x0a02, 'slipway-1').subarray(0, 18))).toEqual({ deleted: [], changed: [] })
  })
})

describe('the links monitor', () => {
  it('names the interfaces that went, and none that came', () => {
    const link = (type: number, name: string) => {
      const head = Buffer.alloc(32)
      const attribute = textAttribute(3, name)
      head.writeUInt32LE(head.length + attribute.length, 0)
      head.writeUInt16LE(type, 4)
      return Buffer.concat([head, attribute])
    }
    const packet = Buffer.concat([link(17, 'veth0'), link(16, 'came'), link(17, 'br-1')])
    expect(readLinksGone(packet)).toEqual(['veth0', 'br-1'])
    expect(readLinksGone(packet.subarray(0, 30))).toEqual([])
  })
})
