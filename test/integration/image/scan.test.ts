import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { scanArchive } from '../../../engine/keeper/unpack/archive-scan.ts'
import { createZstdInflater } from '../../../engine/keeper/unpack/layer-stream.ts'
import { buildTar } from '../../fixtures/archives.ts'

describe('scanning an archive', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-scan-'))
  const temporary = mkdtempSync(path.join(folder, 'tmp-'))
  const file = path.join(folder, 'archive')
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const scan = (bytes: Buffer) => {
    writeFileSync(file, bytes)
    return scanArchive(file, temporary)
  }
  const long = 'n'.repeat(180)
  const build = () =>
    buildTar([
      { name: 'a', content: Buffer.alloc(100_000, 'x') },
      { name: long, content: 'y' },
      { name: 'l', type: 'symlink', linkname: 'a' },
    ])

  it('lists entries by where they lie', async () => {
    const { entries, isTemporary, path: place } = await scan(await build())
    expect([isTemporary, place]).toEqual([false, file])
    expect(entries.map(({ name, type, size, linkName }) => [name, type, size, linkName])).toEqual([
      ['a', 'file', 100_000, ''],
      [long, 'file', 1, ''],
      ['l', 'symlink', 0, 'a'],
    ])
    expect(entries[0]?.offset).toBe(512)
  })

  it('lists the first of very many entries, and what makes an image of them wherever it lies', async () => {
    const header = (await buildTar([{ name: 'x', content: '' }])).subarray(0, 512)
    const many = Buffer.alloc(60_000 * 512)
    for (let at = 0; at < many.length; at += 512) header.copy(many, at)
    const index = await buildTar([{ name: './manifest.json', content: '[]' }])
    const { entries, isCut } = await scan(Buffer.concat([many, index.subarray(0, 1024), index]))
    expect([isCut, entries.length, entries.at(-1)?.name]).toEqual([true, 50_001, './manifest.json'])
    expect((await scan(index)).isCut).toBe(false)
  })

  it('inflates what is compressed first', async () => {
    const bytes = await build()
    const packed = [
      gzipSync(bytes),
      ...(existsSync('/usr/bin/zstd') ? [execFileSync('zstd', ['-qc'], { input: bytes })] : []),
    ]
    for (const archive of packed) {
      const { entries, isTemporary, path: copy } = await scan(archive)
      expect([isTemporary, entries.length, path.dirname(copy)]).toEqual([true, 3, temporary])
      rmSync(copy)
    }
  })

  it.skipIf(!existsSync('/usr/bin/zstd'))('inflates zstd without the tool, and sees when it is cut', async () => {
    const bytes = Buffer.concat(Array.from({ length: 50 }, (_, index) => Buffer.alloc(10_000, index)))
    const packed = execFileSync('zstd', ['-qc'], { input: bytes })
    const inflate = async (input: Buffer) => {
      const chunks: Buffer[] = []
      const inflater = createZstdInflater((chunk) => chunks.push(Buffer.from(chunk)))
      for (let at = 0; at < input.length; at += 100) await inflater.write(input.subarray(at, at + 100))
      await inflater.finish()
      return Buffer.concat(chunks)
    }
    expect((await inflate(packed)).equals(bytes)).toBe(true)
    await expect(inflate(packed.subarray(0, -30))).rejects.toMatchObject({ reason: 'layer.truncated' })
  })

  it('tells a file that is no archive from one that is cut short, and leaves nothing', async () => {
    const bytes = await build()
    await expect(scan(Buffer.from('hello '.repeat(1000)))).rejects.toMatchObject({ reason: 'archive.not-an-archive' })
    await expect(scan(Buffer.alloc(0))).rejects.toMatchObject({ reason: 'archive.not-an-archive' })
    await expect(scan(bytes.subarray(0, 50_000))).rejects.toMatchObject({ reason: 'archive.truncated' })
    await expect(scan(gzipSync(bytes).subarray(0, -20))).rejects.toMatchObject({ reason: 'archive.truncated' })
    expect(readdirSync(temporary)).toEqual([])
  })
})
