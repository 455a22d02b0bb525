import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EngineError } from '../../../engine/contract/errors.ts'
import {
  applyOverrides,
  readExtension,
  readTarHeader,
  type TarHeader,
  type TarOverrides,
} from '../../../engine/lib/tar-headers.ts'
import { createTarReader } from '../../../engine/lib/tar-reader.ts'
import { buildTar } from '../../fixtures/archives.ts'

function readAll(bytes: Buffer, cuts: readonly number[] = []) {
  const seen: { header: TarHeader; content: string }[] = []
  let content: Buffer[] = []
  const reader = createTarReader({
    begin: () => {
      content = []
    },
    data: (chunk) => content.push(Buffer.from(chunk)),
    end: (header) => seen.push({ header, content: Buffer.concat(content).toString() }),
  })
  let at = 0
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    reader.push(bytes.subarray(at, cut))
    at = Math.max(at, cut)
  }
  reader.push(bytes.subarray(at))
  reader.finish()
  return seen
}

describe('the tar reader', () => {
  it('reads long names, owners beyond octal and binary attributes', async () => {
    const name = `${'d/'.repeat(140)}파일`
    const bytes = await buildTar([
      { name, content: 'x', gid: 3, mode: 0o4755, pax: { uid: '5000000', 'SCHILY.xattr.user.a': 'b=c' } },
    ])
    const [entry] = readAll(bytes)
    expect(entry?.header).toMatchObject({
      name,
      uid: 5_000_000,
      gid: 3,
      mode: 0o4755,
      type: 'file',
      mtime: 1_700_000_000,
    })
    expect(entry?.header.xattrs?.get('user.a')?.toString()).toBe('b=c')
  })

  it('reads the same however the bytes are cut', async () => {
    const bytes = await buildTar([
      { name: 'a', content: 'x'.repeat(700) },
      { name: 'n'.repeat(180), content: 'y' },
      { name: 'd/', type: 'directory' },
      { name: 'l', type: 'symlink', linkname: 't'.repeat(150) },
    ])
    const whole = readAll(bytes)
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
        expect(readAll(bytes, cuts)).toEqual(whole)
      }),
    )
  })

  it('answers damaged bytes with an error of its own or an entry, never with anything else', async () => {
    const bytes = await buildTar([
      { name: 'n'.repeat(180), content: 'x'.repeat(600) },
      { name: 'b', content: 'y' },
    ])
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        fc.nat(bytes.length),
        (damage, length) => {
          const copy = Buffer.from(bytes.subarray(0, length))
          for (const [at, value] of damage) if (at < copy.length) copy[at] = value
          try {
            readAll(copy)
          } catch (error) {
            expect(error).toBeInstanceOf(EngineError)
          }
        },
      ),
    )
  })

  it('says where a tar is cut short', async () => {
    const bytes = await buildTar([{ name: 'a', content: 'x'.repeat(2000) }])
    expect(() => readAll(bytes.subarray(0, 1500))).toThrow('cut short inside "a"')
  })
})

describe('pax records', () => {
  const read = (text: string | Buffer) => {
    const into: TarOverrides = {}
    return readExtension('pax', Buffer.from(text), into) ? into : null
  }

  it('are refused with a wrong length, without a value, or with a NUL in a name', () => {
    expect([
      read('9 path=a\n'),
      read('99 path=a\n'),
      read('7 path\n'),
      read('13 path=a\0bc\n'),
      read('12 size=-12\n'),
    ]).toEqual([{ name: 'a' }, null, null, null, null])
  })

  it('never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void read(Buffer.from(bytes))))
  })
})

describe('a tar header', () => {
  it('reads base-256 numbers, negative times too', () => {
    const block = Buffer.alloc(512)
    block.write('f')
    block.fill(0xff, 136, 148)
    block[124] = 0x80
    block.writeUInt32BE(2, 128)
    block[156] = 0x30
    block.fill(' ', 148, 156)
    const sum = block.reduce((total, byte) => total + byte, 0)
    block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    const header = readTarHeader(block)
    expect(header).toMatchObject({ mtime: -1, size: 2 * 2 ** 32 })
  })

  it('takes overrides, sizes for files alone', () => {
    const header = { type: 'directory', size: 0, name: 'a' } as TarHeader
    expect(applyOverrides(header, { size: 5, name: 'b' })).toMatchObject({ size: 0, name: 'b' })
  })
})
