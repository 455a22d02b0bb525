import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createImageHost } from '../../../engine/keeper/unpack/image-calls.ts'
import { buildTar, type Entry } from '../../fixtures/archives.ts'
import { bundleWorker } from '../../helpers/bundle.ts'

// As the rootless keeper has it: ids 0–65535 of a user namespace, mapped to others outside.
const NAMESPACE = [
  '--user',
  '--map-users=1000000,0,65536',
  '--map-groups=1000000,0,65536',
  '--setuid',
  '0',
  '--setgid',
  '0',
]
const isPossible = process.getuid?.() === 0 && spawnSync('unshare', [...NAMESPACE, 'true']).status === 0

describe.skipIf(!isPossible)('unpacking a layer in a user namespace (needs root and unshare with a map)', () => {
  let base: string
  let host: ReturnType<typeof createImageHost>
  beforeAll(async () => {
    base = mkdtempSync(path.resolve(import.meta.dirname, '../../../node_modules/.unpack-'))
    chmodSync(base, 0o755)
    const file = await bundleWorker(base)
    host = createImageHost({
      entry: { command: 'unshare', args: [...NAMESPACE, process.execPath, file], env: process.env },
      mode: 'rootless',
    })
  })
  afterAll(() => rmSync(base, { recursive: true, force: true }))

  // The parent makes the root folder as real root, so the namespace is given it: a keeper inside owns what it makes.
  const unpack = async (name: string, entries: readonly Entry[]) => {
    const folder = path.join(base, name)
    mkdirSync(folder)
    chownSync(folder, 1_000_000, 1_000_000)
    const bytes = await buildTar(entries)
    const source = path.join(folder, 'source')
    writeFileSync(source, bytes)
    const umask = process.umask(0)
    const watch = setInterval(() => {
      for (const item of readdirSync(folder))
        if (item.endsWith('.tmp')) chownSync(path.join(folder, item), 1_000_000, 1_000_000)
    }, 1)
    try {
      await host.unpackLayer({
        source: { path: source, offset: 0, length: bytes.length },
        destination: path.join(folder, 'layer'),
        digest: '',
        diffId: '',
        blobFolder: '',
      })
    } finally {
      clearInterval(watch)
      process.umask(umask)
    }
    return path.join(folder, 'layer')
  }

  it('maps owners, marks whiteouts with user attributes and leaves devices out', async () => {
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex').toString('latin1')
    const layer = await unpack('a', [
      {
        name: 'f',
        content: 'x',
        mode: 0o4755,
        uid: 1000,
        gid: 50,
        pax: { 'SCHILY.xattr.security.capability': capability },
      },
      { name: 'null', type: 'character-device', devmajor: 1, devminor: 3 },
      { name: 'd/.wh.gone' },
      { name: 'd/.wh..wh..opq' },
    ])
    const file = statSync(path.join(layer, 'f'))
    expect([file.uid, file.gid, file.mode & 0o7777]).toEqual([1_001_000, 1_000_050, 0o4755])
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
    expect(shown.trim()).toBe("b'y' 24")
  })

  it('names an owner that the ids do not cover', async () => {
    await expect(unpack('b', [{ name: 'f', content: 'x', uid: 70_000 }])).rejects.toMatchObject({
      reason: 'layer.unmapped-owner',
    })
  })
})
