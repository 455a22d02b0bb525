/*
 * Attributes of netlink messages (netlink(7)), whatever the family: length u16 · type u16 · value, each padded to four
 * bytes; a value may be attributes again.
 */

/** A type's bits beside two flags. */
export const TYPE_MASK = 0x3fff

/** Marks an attribute of attributes, where the kernel wants that said. */
export const NESTED = 0x8000

/** Attributes by type, from a place on; what does not fit is left out. */
export function readAttributes(bytes: Buffer, from = 0): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>()
  for (let at = from; at + 4 <= bytes.length; ) {
    const size = bytes.readUInt16LE(at)
    if (size < 4 || at + size > bytes.length) break
    found.set(bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + 4, at + size))
    at += align(size)
  }
  return found
}

/** An attribute with its padding. */
export function attribute(type: number, value: Buffer): Buffer {
  const bytes = Buffer.alloc(align(4 + value.length))
  bytes.writeUInt16LE(4 + value.length, 0)
  bytes.writeUInt16LE(type, 2)
  value.copy(bytes, 4)
  return bytes
}

/** An attribute of attributes. */
export const nested = (type: number, ...parts: readonly Buffer[]): Buffer => attribute(type, Buffer.concat(parts))

/** An attribute that is a text. */
export const textAttribute = (type: number, text: string): Buffer => attribute(type, Buffer.from(`${text}\0`))

/** An attribute that is a number of one, two or four bytes. */
export function numberAttribute(type: number, value: number, bytes: 1 | 2 | 4 = 4): Buffer {
  const number = Buffer.alloc(bytes)
  number.writeUIntLE(value, 0, bytes)
  return attribute(type, number)
}

/** A text without what ends it. */
export const readText = (value: Buffer) => value.toString('latin1').replace(/\0.*$/, '')
/** The next place for a length or a type. */
export const align = (bytes: number): number => (bytes + 3) & ~3
