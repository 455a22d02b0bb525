import { describe, expect, it } from 'vitest'
import { toGoMode } from '../../../engine/api/rest/codec/path-stat.ts'
import type { TarHeader } from '../../../engine/lib/tar-headers.ts'
import { createTarReader } from '../../../engine/lib/tar-reader.ts'
import { encodeTarHeader, TAR_END, type TarEntry } from '../../../engine/lib/tar-writer.ts'

const entry = (over: Partial<TarEntry>): TarEntry => ({
  name: 'a',
  type: 'file',
  size: 0,
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtime: 1_700_000_000,
  ...over,
})
const roundTrip = (written: TarEntry): TarHeader => {
  const read: TarHeader[] = []
  const reader = createTarReader({ begin: (header) => read.push({ ...header }), data() {}, end() {} })
  reader.push(Buffer.concat([encodeTarHeader(written), Buffer.alloc(Math.ceil(written.size / 512) * 512), TAR_END]))
  reader.finish()
  return read[0] as TarHeader
}

describe('a tar that is written', () => {
  it('is read as what it was', () => {
    const written = entry({ size: 700, mode: 0o4751, uid: 1000, gid: 2000 })
    expect(roundTrip(written)).toMatchObject(written)
    expect(roundTrip(entry({ type: 'symlink', linkName: '../b' }))).toMatchObject({ type: 'symlink', linkName: '../b' })
    expect(roundTrip(entry({ type: 'block', major: 8, minor: 300 }))).toMatchObject({ major: 8, minor: 300 })
  })
  it('has what does not fit into a block in a pax header', () => {
    const name = `${'d'.repeat(120)}/${Buffer.from('é').toString('latin1')}`
    const written = entry({ name, uid: 3_000_000, xattrs: new Map([['security.capability', Buffer.of(1, 0, 255)]]) })
    const read = roundTrip(written)
    expect(read.name).toBe(`${'d'.repeat(120)}/é`)
    expect(read.uid).toBe(3_000_000)
    expect(read.xattrs?.get('security.capability')).toEqual(Buffer.of(1, 0, 255))
  })
  it('counts the length of a record with the length itself', () => {
    for (let length = 80; length < 130; length += 1) {
      const name = `${'x'.repeat(length)}\x80`
      expect(roundTrip(entry({ name, linkName: '' })).name.length).toBe(length + 1)
    }
  })
})

describe('a mode in the numbers of Go', () => {
  it('has its kind and special bits elsewhere', () => {
    expect(toGoMode(0o100644)).toBe(0o644)
    expect(toGoMode(0o040755)).toBe(2 ** 31 + 0o755)
    expect(toGoMode(0o041777)).toBe(2 ** 31 + 2 ** 20 + 0o777)
    expect(toGoMode(0o020666)).toBe(2 ** 26 + 2 ** 21 + 0o666)
    expect(toGoMode(0o104755)).toBe(2 ** 23 + 0o755)
  })
})
