const MAGIC = 0x7f454c46
const PT_INTERP = 3

/**
 * Whether a program runs in a root that has nothing but it: a 64-bit ELF file that asks for no loader of libraries.
 * The headers are enough, which are in the first 4096 bytes. Layout: elf(5).
 */
export function isStaticProgram(head: Buffer): boolean {
  const isElf64 = head.length >= 64 && head.readUInt32BE(0) === MAGIC && head[4] === 2
  if (!isElf64) return false
  const isLittle = head[5] === 1
  const u16 = (at: number) => (isLittle ? head.readUInt16LE(at) : head.readUInt16BE(at))
  const u32 = (at: number) => (isLittle ? head.readUInt32LE(at) : head.readUInt32BE(at))
  // Program headers that lie further back than what was read are of no program that we know.
  const offset = u32(isLittle ? 32 : 36)
  const [size, count] = [u16(54), u16(56)]
  if (size < 4 || count === 0 || offset + size * count > head.length) return false
  return !Array.from({ length: count }, (_, index) => u32(offset + index * size)).includes(PT_INTERP)
}
