import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPushQueue } from '../../../engine/lib/async.ts'
import { createLayout } from '../../../engine/store/layout.ts'
import { buildDockerArchive, buildTar } from '../../fixtures/archives.ts'
import { request, startEngine, type TestEngine, waitUntil } from '../../helpers/engine.ts'
import { createClient, fillRegistry, hasRegistry, startRegistry } from '../../helpers/registry.ts'
import { listStore } from '../../helpers/store.ts'
import { findDamage, findGarbage } from '../../helpers/verify-store.ts'

const isRoot = process.getuid?.() === 0

describe.skipIf(!isRoot)('a disk that fills up (needs root to mount a small one)', () => {
  let folder: string
  let test: TestEngine
  const earlier = process.env['SLIPWAY_TEST_FOLDER']
  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'slw-full-'))
    const disk = path.join(folder, 'disk')
    execFileSync('mkdir', [disk])
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk])
    process.env['SLIPWAY_TEST_FOLDER'] = disk
    test = await startEngine()
  })
  afterAll(async () => {
    await test?.destroy()
    if (earlier === undefined) delete process.env['SLIPWAY_TEST_FOLDER']
    else process.env['SLIPWAY_TEST_FOLDER'] = earlier
    // A worker that waited for its next layer ends a moment after its keeper.
    await waitUntil(() => spawnSync('umount', [path.join(folder, 'disk')]).status === 0, 'the release of the disk')
    rmSync(folder, { recursive: true, force: true })
  })

  const importBytes = async (bytes: Buffer) => {
    const file = path.join(folder, 'archive')
    writeFileSync(file, bytes)
    const signal = new AbortController().signal
    const input = { path: file }
    for await (const _ of test.engine.handlers.image.importArchive(input, { signal, up: createPushQueue<never>() }));
  }
  const stored = () => listStore(createLayout(test.config.root, test.config.runtimeDir))

  const filler = () => path.join(folder, 'disk/filler')
  /** Leaves so many bytes free. */
  const fill = (freeBytes: number) => {
    const { bavail, bsize } = statfsSync(path.join(folder, 'disk'))
    writeFileSync(filler(), Buffer.alloc(bavail * bsize - freeBytes))
  }
  const expectSound = async () => {
    expect(await findDamage(test.config.root)).toEqual([])
    expect(findGarbage(test.config.root)).toEqual([])
  }

  it.skipIf(!hasRegistry)('says so in the middle of a pull, leaves nothing, and pulls once there is room', async () => {
    const remote = await startRegistry()
    const registry = createClient(folder)
    const { signal } = new AbortController()
    try {
      const layers = await Promise.all(
        ['a', 'b', 'c'].map((name) => buildTar([{ name, content: randomBytes(2_500_000) }])),
      )
      await fillRegistry(registry, remote.host, 'full/box', layers)
      const before = stored()
      const pull = async () => {
        const input = { reference: `${remote.host}/full/box:1`, platform: '' }
        for await (const _ of test.engine.handlers.image.pull(input, { signal, up: createPushQueue<never>() }));
      }
      // Room for one layer and a bit: while they come, and while they are unpacked.
      for (const freeBytes of [3_500_000, 9_000_000]) {
        fill(freeBytes)
        await expect(pull()).rejects.toMatchObject({ reason: 'disk.full' })
        expect(stored()).toEqual(before)
        rmSync(filler())
        await expectSound()
      }
      await pull()
      await expectSound()
      const { image, container } = test.engine.services
      const reference = `${remote.host}/full/box:1`
      const { id } = await container.create(request({ image: reference, command: ['x'] }))
      await container.remove(id, { force: true, volumes: true })
      await image.remove(reference, false)
      expect(stored()).toEqual(before)
    } finally {
      rmSync(filler(), { force: true })
      await registry.close()
      await remote.stop()
    }
  })

  it('says so, leaves nothing, and takes a smaller image afterwards', async () => {
    // Incompressible, so that the inflated copy of a packed archive is too large as well.
    const layers = await Promise.all(
      ['a', 'b', 'c'].map((name) => buildTar([{ name, content: randomBytes(9_000_000) }])),
    )
    const archive = await buildDockerArchive(layers)
    for (const bytes of [archive, gzipSync(archive, { level: 1 })]) {
      await expect(importBytes(bytes)).rejects.toMatchObject({
        reason: 'disk.full',
        message: expect.stringContaining('no space is left on the disk'),
      })
      expect(stored()).toEqual([])
    }
    await importBytes(await buildDockerArchive([await buildTar([{ name: 'small', content: 'x' }])]))
    expect(stored()).toHaveLength(4)
    await expectSound()

    // The same archive that did not fit does so once there is room.
    const fitting = await buildDockerArchive([await buildTar([{ name: 'f', content: randomBytes(4_000_000) }])])
    const before = stored()
    fill(6_000_000)
    try {
      await expect(importBytes(fitting)).rejects.toMatchObject({ reason: 'disk.full' })
      expect(stored()).toEqual(before)
    } finally {
      rmSync(filler())
    }
    await importBytes(fitting)
    expect(stored().length).toBeGreaterThan(before.length)
    await expectSound()
    for (const { id } of await test.engine.services.image.list()) await test.engine.services.image.remove(id, true)
    expect(stored()).toEqual([])
  })

  it('says so in the middle of a commit, and commits what is small afterwards', async () => {
    const { services } = test.engine
    const { signal } = new AbortController()
    await importBytes(
      await buildDockerArchive([await buildTar([{ name: 'small', content: 'y' }])], { tags: ['full:1'] }),
    )
    const before = stored()
    const { id } = await services.container.create(request({ image: 'full:1', command: ['x'] }))
    const put = async (content: Buffer) => {
      const target = { id, path: '/', keepKinds: true, ownedByUser: false }
      const tar = Readable.from([await buildTar([{ name: 'data', content }])])
      await services.container.writeArchive(target, tar, signal)
    }
    const commit = () =>
      services.image.commit(
        { container: id, reference: 'full:made', author: '', comment: '', pause: false, changes: [] },
        signal,
      )
    // The layer lies in the container; its tar fits beside it, the unpacked copy does not.
    await put(randomBytes(9_000_000))
    await expect(commit()).rejects.toMatchObject({ reason: 'disk.full' })
    expect(stored()).toEqual(before)
    await put(Buffer.from('little'))
    await commit()
    expect(stored().length).toBeGreaterThan(before.length)
    await services.container.remove(id, { force: true, volumes: true })
    await services.image.remove('full:made', false)
    expect(stored()).toEqual(before)
  })

  it.skipIf(!hasRegistry)('says so when a push has no room to compress in, and pushes once there is some', async () => {
    const remote = await startRegistry()
    const { image } = test.engine.services
    const { signal } = new AbortController()
    const reference = `${remote.host}/full/plain:1`
    const push = async () => {
      for await (const _ of image.push({ reference }, signal));
    }
    try {
      const layer = await buildTar([{ name: 'plain', content: randomBytes(4_000_000) }])
      await importBytes(await buildDockerArchive([layer], { tags: [reference] }))
      const before = stored()
      // Everything but half of what the compressed layer needs.
      fill(2_000_000)
      await expect(push()).rejects.toMatchObject({ reason: 'disk.full' })
      expect(stored()).toEqual(before)
      rmSync(filler())
      await push()
      await expectSound()
    } finally {
      rmSync(filler(), { force: true })
      await image.remove(reference, false)
      await remote.stop()
    }
  })
})
