import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createImageHost } from '../../../engine/keeper/unpack/image-calls.ts'
import { buildTar, type Entry } from '../../fixtures/archives.ts'
import { bundleWorker } from '../../helpers/bundle.ts'

// Id 0 alone is mapped, so that every other owner is one that the ids do not cover.
const NAMESPACE = ['--user', '--map-root-user']
const isPossible = process.getuid?.() === 0 && spawnSync('unshare', [...NAMESPACE, 'true']).status === 0

describe.skipIf(!isPossible)('unpacking a layer in a user namespace (needs root and unshare)', () => {
  let base: string
  let host: ReturnType<typeof createImageHost>
  beforeAll(async () => {
    base = mkdtempSync(path.resolve(import.meta.dirname, '../../../node_modules/.unpack-'))
    const file = await bundleWorker(base)
    host = createImageHost({
      entry: { command: 'unshare', args: [...NAMESPACE, process.execPath, file], env: process.env },
      mode: 'rootless',
    })
  })
  afterAll(() => rmSync(base, { recursive: true, force: true }))

  const unpack = async (name: string, entries: readonly Entry[]) => {
    const folder = path.join(base, name)
    mkdirSync(folder)
    const bytes = await buildTar(entries)
    const source = path.join(folder, 'source')
    writeFileSync(source, bytes)
    await host.unpackLayer({
      source: { path: source, offset: 0, length: bytes.length },
      destination: path.join(folder, 'layer'),
      digest: '',
      diffId: '',
      blobFolder: '',
    })
    return path.join(folder, 'layer')
  }

  it('keeps modes and capabilities, marks whiteouts with user attributes and leaves devices out', async () => {
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex').toString('latin1')
    const layer = await unpack('a', [
      {
        name: 'f',
        content: 'x',
        mode: 0o4755,
        pax: { 'SCHILY.xattr.security.capability': capability },
      },
      { name: 'null', type: 'character-device', devmajor: 1, devminor: 3 },
      { name: 'd/.wh.gone' },
      { name: 'd/.wh..wh..opq' },
    ])
    const file = statSync(path.join(layer, 'f'))
    expect([file.uid, file.gid, file.mode & 0o7777]).toEqual([0, 0, 0o4755])
    expect(lstatSync(path.join(layer, 'd/gone')).rdev).toBe(0)
    expect(readdirSync(layer).sort()).toEqual(['d', 'f'])
    const shown = execFileSync(
      'python3',
      [
        '-c',
        `import os,sys;p=sys.argv[1];print(os.getxattr(p+'/d','user.overlay.opaque'),len(os.getxattr(p+'/f','security.capability')))`,
        layer,
      ],
      { encoding: 'utf8' },
    )
    expect(shown.trim()).toBe("b'y' 20")
  })

  it('names an owner that the ids do not cover', async () => {
    await expect(unpack('b', [{ name: 'f', content: 'x', uid: 70_000 }])).rejects.toMatchObject({
      reason: 'layer.unmapped-owner',
    })
  })
})
