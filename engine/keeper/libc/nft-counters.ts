import { align, readAttributes, textAttribute } from './attributes.ts'
import { eachMessage, listNetfilter } from './nfnetlink.ts'

/*
 * Counters that a set keeps by its elements (linux/netfilter/nf_tables.h), without a process for `nft list`:
 *
 *   SET_ELEM_LIST { ELEMENTS { LIST_ELEM { KEY { VALUE } · EXPR { NAME "counter" · DATA { BYTES u64 · PACKETS u64 } } } … } }
 */
const GET_ELEMENTS = (10 << 8) | 13
const NFPROTO_INET = 1
const LIST_TABLE = 1
const LIST_SET = 2
const LIST_ELEMENTS = 3
const ELEMENT_KEY = 1
const ELEMENT_EXPRESSION = 7
const DATA_VALUE = 1
const EXPRESSION_DATA = 2
const COUNTER_BYTES = 1

/** Bytes counted by element, the elements in hex; none where table or set are not there. Of the family `inet`. */
export function readCounters(
  fd: number,
  { table, set }: { readonly table: string; readonly set: string },
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  const attributes = Buffer.concat([textAttribute(LIST_TABLE, table), textAttribute(LIST_SET, set)])
  listNetfilter(fd, { type: GET_ELEMENTS, family: NFPROTO_INET, attributes }, (packet) =>
    collectCounters(packet, counts),
  )
  return counts
}

/** Adds a packet's elements to the counts; answers whether the list is over. */
export function collectCounters(packet: Buffer, counts: Map<string, number>): boolean {
  return eachMessage(packet, (start, end) => {
    const list = readAttributes(packet.subarray(start, end)).get(LIST_ELEMENTS)
    for (const element of list ? listOf(list) : []) {
      const parts = readAttributes(element)
      const value = inside(parts.get(ELEMENT_KEY), DATA_VALUE)
      const bytes = inside(inside(parts.get(ELEMENT_EXPRESSION), EXPRESSION_DATA), COUNTER_BYTES)
      if (value && bytes?.length === 8) counts.set(value.toString('hex'), Number(bytes.readBigUInt64BE()))
    }
  })
}

const inside = (bytes: Buffer | undefined, type: number) => bytes && readAttributes(bytes).get(type)

/** Attributes of one type, one after the other. */
function listOf(bytes: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at + 4 <= bytes.length; ) {
    const size = bytes.readUInt16LE(at)
    if (size < 4) break
    found.push(bytes.subarray(at + 4, at + size))
    at += align(size)
  }
  return found
}
