import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createImageHost } from '../../../engine/keeper/unpack/image-calls.ts'
import { buildTar, digest, type Entry } from '../../fixtures/archives.ts'
import { bundleWorker } from '../../helpers/bundle.ts'

const isRoot = process.getuid?.() === 0
const zstd = existsSync('/usr/bin/zstd')

describe.skipIf(!isRoot)('unpacking a layer (needs root)', () => {
  let base: string
  let folder: string
  let count = 0
  let host: ReturnType<typeof createImageHost>

  beforeAll(async () => {
    base = mkdtempSync(path.resolve(import.meta.dirname, '../../../node_modules/.unpack-'))
    const file = await bundleWorker(base)
    host = createImageHost({ entry: { command: process.execPath, args: [file], env: process.env }, mode: 'rootful' })
  })
  beforeEach(() => {
    count += 1
    folder = path.join(base, `t${count}`)
    mkdirSync(path.join(folder, 'blobs'), { recursive: true })
  })
  afterAll(() => rmSync(base, { recursive: true, force: true }))

  const unpack = (bytes: Buffer, more: { digest?: string; diffId?: string; signal?: AbortSignal } = {}) => {
    writeFileSync(path.join(folder, 'source'), bytes)
    return host.unpackLayer(
      {
        source: { path: path.join(folder, 'source'), offset: 0, length: bytes.length },
        destination: path.join(folder, 'layer'),
        digest: more.digest ?? '',
        diffId: more.diffId ?? '',
        blobFolder: path.join(folder, 'blobs'),
      },
      more.signal ? { signal: more.signal } : {},
    )
  }
  const layer = (name: string) => path.join(folder, 'layer', name)
  const refuses = async (bytes: Buffer, reason: string, more: Parameters<typeof unpack>[1] = {}) => {
    await expect(unpack(bytes, more)).rejects.toMatchObject({ reason })
    expect(readdirSync(folder).sort()).toEqual(['blobs', 'source'])
    expect(readdirSync(path.join(folder, 'blobs'))).toEqual([])
  }
  const tarOf = (...entries: Entry[]) => buildTar(entries)

  it('keeps owner, mode, time, links and special files', async () => {
    const bytes = await tarOf(
      { name: 'a/', type: 'directory', mode: 0o700, uid: 5, gid: 6 },
      { name: 'a/f', content: 'hello', mode: 0o4755, uid: 1000, gid: 70000 },
      { name: 'a/hard', type: 'link', linkname: 'a/f' },
      { name: 'a/soft', type: 'symlink', linkname: '/a/f', uid: 7 },
      { name: 'a/pipe', type: 'fifo', mode: 0o622 },
      { name: 'a/null', type: 'character-device', mode: 0o666, devmajor: 1, devminor: 3 },
      { name: `deep/${'x'.repeat(120)}/${'y'.repeat(120)}`, content: 'long' },
    )
    const result = await unpack(bytes)
    expect(result).toEqual({ digest: digest(bytes), diffId: digest(bytes), sizeBytes: 9 })
    const file = statSync(layer('a/f'))
    expect([file.mode & 0o7777, file.uid, file.gid, file.nlink, file.mtimeMs]).toEqual([
      0o4755, 1000, 70000, 2, 1_700_000_000_000,
    ])
    const dir = statSync(layer('a'))
    expect([dir.mode & 0o7777, dir.uid, dir.gid, dir.mtimeMs]).toEqual([0o700, 5, 6, 1_700_000_000_000])
    expect([lstatSync(layer('a/soft')).uid, lstatSync(layer('a/soft')).mtimeMs]).toEqual([7, 1_700_000_000_000])
    expect(lstatSync(layer('a/pipe')).isFIFO()).toBe(true)
    expect(lstatSync(layer('a/null')).rdev).toBe(0x103)
    expect(readFileSync(layer(`deep/${'x'.repeat(120)}/${'y'.repeat(120)}`), 'utf8')).toBe('long')
    expect(statSync(path.join(folder, 'layer')).mode & 0o7777).toBe(0o755)
    expect(readFileSync(path.join(folder, 'blobs', digest(bytes).slice(7)))).toEqual(bytes)
  })

  it('keeps file capabilities, and takes no overlay attribute from a layer', async () => {
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex').toString('latin1')
    const bytes = await tarOf({
      name: 'ping',
      content: 'x',
      mode: 0o755,
      uid: 1,
      pax: { 'SCHILY.xattr.security.capability': capability, 'SCHILY.xattr.trusted.overlay.redirect': '/etc' },
    })
    await unpack(bytes)
    const shown = execFileSync(
      'python3',
      [
        '-c',
        `import os,sys;p=sys.argv[1];print(sorted(os.listxattr(p)),os.getxattr(p,'security.capability').hex())`,
        layer('ping'),
      ],
      { encoding: 'utf8' },
    )
    expect(shown.trim()).toBe("['security.capability'] 0100000200040000000000000000000000000000")
  })

  it('turns whiteouts into the marks of overlay', async () => {
    await unpack(
      await tarOf(
        { name: 'dir/.wh.gone' },
        { name: 'opaque/', type: 'directory' },
        { name: 'opaque/.wh..wh..opq' },
        { name: '.wh..wh.plnk/', type: 'directory' },
        { name: '.wh..wh.aufs' },
        { name: '.wh.again' },
        { name: 'again/', type: 'directory' },
        { name: 'kept', content: 'mine' },
        { name: '.wh.kept' },
      ),
    )
    expect([lstatSync(layer('dir/gone')).isCharacterDevice(), lstatSync(layer('dir/gone')).rdev]).toEqual([true, 0])
    const opaque = (name: string) =>
      execFileSync(
        'python3',
        ['-c', `import os,sys;print(os.getxattr(sys.argv[1],'trusted.overlay.opaque').decode())`, layer(name)],
        { encoding: 'utf8' },
      ).trim()
    expect([opaque('opaque'), opaque('again')]).toEqual(['y', 'y'])
    expect(readFileSync(layer('kept'), 'utf8')).toBe('mine')
    expect(readdirSync(layer('.')).sort()).toEqual(['again', 'dir', 'kept', 'opaque'])
  })

  it('lets the last of duplicate entries win', async () => {
    await unpack(
      await tarOf(
        { name: 'a', content: 'one' },
        { name: './a', content: 'two' },
        { name: 'b/c', content: 'x' },
        { name: 'b', type: 'symlink', linkname: 'a' },
      ),
    )
    expect(readFileSync(layer('a'), 'utf8')).toBe('two')
    expect(lstatSync(layer('b')).isSymbolicLink()).toBe(true)
  })

  it('writes through links only inside the layer', async () => {
    const mark = `slipway-escape-${process.pid}`
    await unpack(
      await tarOf(
        { name: 'out', type: 'symlink', linkname: '/tmp' },
        { name: `out/${mark}`, content: 'x' },
        { name: 'up', type: 'symlink', linkname: '../../../../../../tmp' },
        { name: `up/${mark}2`, content: 'x' },
      ),
    )
    expect([existsSync(`/tmp/${mark}`), existsSync(`/tmp/${mark}2`)]).toEqual([false, false])
  })

  describe('through a link that leads outside', () => {
    let outside: string
    const out = () => ({ name: 'out', type: 'symlink', linkname: outside }) as const
    beforeEach(() => {
      outside = mkdtempSync(path.join(os.tmpdir(), 'slw-outside-'))
      writeFileSync(path.join(outside, 'kept'), 'x')
    })
    afterEach(() => rmSync(outside, { recursive: true }))

    it.each(['.wh.kept', '.wh..wh..opq'])('removes nothing by %s', async (name) => {
      await unpack(await tarOf(out(), { name: `out/${name}`, content: '' }))
      expect(readdirSync(outside)).toEqual(['kept'])
    })

    it('makes no hard link', async () => {
      await refuses(await tarOf(out(), { name: 'hard', type: 'link', linkname: 'out/kept' }), 'layer.bad-link')
      expect(statSync(path.join(outside, 'kept')).nlink).toBe(1)
    })
  })

  it.each([
    ['gzip', (bytes: Buffer) => gzipSync(bytes)],
    [
      'gzip in two members',
      (bytes: Buffer) => Buffer.concat([gzipSync(bytes.subarray(0, 700)), gzipSync(bytes.subarray(700))]),
    ],
    ...(zstd ? ([['zstd', (bytes: Buffer) => execFileSync('zstd', ['-qc'], { input: bytes })]] as const) : []),
  ] as const)('inflates %s and tells both digests', async (_name, pack) => {
    const bytes = await tarOf({ name: 'f', content: Buffer.alloc(3_000_000, 'abc') })
    const packed = pack(bytes)
    expect(await unpack(packed, { digest: digest(packed), diffId: digest(bytes) })).toEqual({
      digest: digest(packed),
      diffId: digest(bytes),
      sizeBytes: 3_000_000,
    })
    expect(statSync(layer('f')).size).toBe(3_000_000)
  })

  it.each(['../x', 'a/../../x', '/etc/cron.d/x', 'a/..'])('refuses the name %s', async (name) => {
    const fixed = 'n'.repeat(name.length)
    await refuses(renamed(await tarOf({ name: fixed, content: 'x' }), fixed, name), 'layer.path-escape')
  })

  it.each(['.wh.', '.wh..', '.wh...', 'd/.wh.', '.wh.x/y'])('refuses the whiteout %s', async (name) =>
    refuses(await tarOf({ name }), 'layer.bad-whiteout'),
  )

  it.each(['../../etc/passwd', 'missing', 'dir'])('refuses a hard link to %s', async (linkname) =>
    refuses(await tarOf({ name: 'dir/', type: 'directory' }, { name: 'l', type: 'link', linkname }), 'layer.bad-link'),
  )

  it('refuses digests that differ, naming both', async () => {
    const bytes = await tarOf({ name: 'f', content: 'x' })
    const other = `sha256:${'0'.repeat(64)}`
    await refuses(bytes, 'layer.digest-mismatch', { digest: other })
    await refuses(gzipSync(bytes), 'layer.diff-id-mismatch', { diffId: other })
    await expect(unpack(bytes, { digest: other })).rejects.toMatchObject({
      details: { expected: other, actual: digest(bytes) },
    })
  })

  it('refuses what is cut short', async () => {
    const bytes = await tarOf({ name: 'f', content: Buffer.alloc(100_000, 'x') })
    await refuses(bytes.subarray(0, 50_000), 'layer.truncated')
    const noise = Buffer.from(Array.from({ length: 60_000 }, (_, i) => (i * 7919 * ((i >> 3) + 1)) & 255))
    await refuses(gzipSync(await tarOf({ name: 'f', content: noise })).subarray(0, -2000), 'layer.truncated')
    if (zstd) await refuses(execFileSync('zstd', ['-qc'], { input: bytes }).subarray(0, -5), 'layer.truncated')
  })

  it('refuses what is no tar', async () => refuses(Buffer.alloc(2000, 'x'), 'layer.bad-tar'))

  it('refuses a bomb', async () => {
    const size = 200 * 1024 * 1024
    const header = (await tarOf({ name: 'big', size: 0 })).subarray(0, 512)
    header.write(size.toString(8).padStart(11, '0'), 124, 'latin1')
    await refuses(
      gzipSync(Buffer.concat([withChecksum(header), Buffer.alloc(size + 1024)]), { level: 9 }),
      'layer.bomb',
    )
  })

  it('leaves nothing when it is canceled', async () => {
    const bytes = await tarOf(...Array.from({ length: 20_000 }, (_, index) => ({ name: `f${index}`, content: 'x' })))
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 60)
    await refuses(bytes, 'canceled', { signal: stop.signal })
  })

  it('reads files of a root without leaving it', async () => {
    await unpack(
      await tarOf(
        { name: 'etc/passwd', content: 'root:x:0:0' },
        { name: 'abs', type: 'symlink', linkname: '/etc/passwd' },
        { name: 'out', type: 'symlink', linkname: '../../../../../../../etc/hostname' },
        { name: 'loop', type: 'symlink', linkname: 'loop' },
        { name: 'pipe', type: 'fifo' },
      ),
    )
    const read = (name: string, limit = 100) => host.readInRoot({ root: path.join(folder, 'layer'), path: name, limit })
    expect(await Promise.all(['/etc/passwd', 'abs', 'out', 'loop', 'none'].map((name) => read(name)))).toEqual([
      'root:x:0:0',
      'root:x:0:0',
      null,
      null,
      null,
    ])
    // The runtime reads the same file, and would wait for a pipe to say something.
    for (const name of ['pipe', 'etc']) await expect(read(name)).rejects.toMatchObject({ reason: 'root.not-a-file' })
    expect(await read('/etc/passwd', 4)).toBe('root')
  })

  it('copies a folder of a root with owners and modes', async () => {
    await unpack(
      await tarOf(
        { name: 'real/', type: 'directory', mode: 0o2770, uid: 33, gid: 34 },
        { name: 'real/.wh..wh.plain', type: 'link', linkname: 'real/f' },
        { name: 'real/f', content: 'data', mode: 0o640, uid: 5 },
        { name: 'real/sub/', type: 'directory', mode: 0o700 },
        { name: 'real/abs', type: 'symlink', linkname: '/etc/passwd' },
        { name: 'data', type: 'symlink', linkname: '/real' },
      ),
    )
    writeFileSync(layer('real/.wh.odd'), 'x')
    const destination = path.join(folder, 'volume')
    mkdirSync(destination)
    await host.copyFromRoot({ root: path.join(folder, 'layer'), path: '/none', destination })
    expect(readdirSync(destination)).toEqual([])
    await host.copyFromRoot({ root: path.join(folder, 'layer'), path: '/data', destination })
    expect(readdirSync(destination).sort()).toEqual(['.wh.odd', 'abs', 'f', 'sub'])
    const stats = statSync(path.join(destination, 'f'))
    expect([stats.uid, stats.mode & 0o777]).toEqual([5, 0o640])
    expect([statSync(destination).uid, statSync(destination).mode & 0o7777]).toEqual([33, 0o2770])
  })

  it('removes trees that nobody may enter, and is content when there is none', async () => {
    const tree = path.join(folder, 'tree')
    mkdirSync(path.join(tree, 'a/b'), { recursive: true })
    execFileSync('chmod', ['0000', path.join(tree, 'a')])
    await host.removeTree({ path: tree })
    await host.removeTree({ path: tree })
    expect(existsSync(tree)).toBe(false)
  })
})

/** Puts a name of the same length into a tar's first header, checksum and all. */
function renamed(bytes: Buffer, from: string, to: string): Buffer {
  const copy = Buffer.from(bytes)
  copy.write(to, copy.indexOf(from), 'latin1')
  return withChecksum(copy)
}

function withChecksum(bytes: Buffer): Buffer {
  bytes.fill(' ', 148, 156)
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}
