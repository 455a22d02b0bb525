import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ImportProgress } from '../../../engine/contract/image.ts'
import { createPushQueue } from '../../../engine/lib/async.ts'
import { createLayout } from '../../../engine/store/layout.ts'
import { buildDockerArchive, buildTar } from '../../fixtures/archives.ts'
import { BAD_ARCHIVES } from '../../fixtures/bad-archives.ts'
import { startEngine, type TestEngine } from '../../helpers/engine.ts'
import { listStore } from '../../helpers/store.ts'

describe('importing through the engine', () => {
  let test: TestEngine
  let folder: string
  let before: string[]
  beforeAll(async () => {
    test = await startEngine()
    folder = mkdtempSync(path.join(os.tmpdir(), 'slw-bad-'))
    // An image is there already, so that a failed import has something to spare.
    await importBytes(await buildDockerArchive([await buildTar([{ name: 'good', content: 'good' }])]))
    before = stored()
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    await test?.destroy()
  })

  const stored = () => listStore(createLayout(test.config.root, test.config.runtimeDir)).sort()
  const importFile = (file: string, signal = new AbortController().signal) =>
    test.engine.handlers.image.importArchive({ path: file }, { signal, up: createPushQueue<never>() })
  const importBytes = async (bytes: Buffer) => {
    const file = path.join(folder, 'archive.tar')
    writeFileSync(file, bytes)
    const seen: ImportProgress[] = []
    for await (const progress of importFile(file)) seen.push(progress)
    return seen
  }

  it.each(BAD_ARCHIVES)('refuses $title, says so, and leaves nothing', async ({ build, reason, names }) => {
    const message = typeof names === 'string' ? expect.stringContaining(names) : expect.stringMatching(names)
    await expect(build().then(importBytes)).rejects.toMatchObject({ reason, message })
    expect(stored()).toEqual(before)
  })

  it('keeps a file that goes through a symlink of an earlier layer inside the image', async () => {
    const target = path.join(folder, 'outside')
    const link = await buildTar([{ name: 'way', type: 'symlink', linkname: folder }])
    const through = await buildTar([{ name: 'way/outside', content: 'escaped' }])
    const seen = await importBytes(await buildDockerArchive([link, through], { tags: ['test/through:1'] }))
    expect(existsSync(target)).toBe(false)
    const image = seen.find((progress) => progress.type === 'image')
    expect(image).toMatchObject({ references: ['test/through:1'] })
    await test.engine.handlers.image.remove(
      { id: 'test/through:1', force: false },
      { signal: new AbortController().signal },
    )
    expect(stored()).toEqual(before)
  })

  it('leaves nothing of an import that is canceled, wherever it is', async () => {
    const content = Buffer.alloc(30_000_000, 'z')
    const layers = await Promise.all(['a', 'b', 'c'].map((name) => buildTar([{ name, content }])))
    const file = path.join(folder, 'slow.tar')
    writeFileSync(file, await buildDockerArchive(layers))
    for (const delay of [0, 5, 30, 80]) {
      const stop = new AbortController()
      const work = (async () => {
        for await (const _ of importFile(file, stop.signal));
      })()
      setTimeout(() => stop.abort(), delay)
      await expect(work).rejects.toMatchObject({ code: 'canceled' })
      expect(stored()).toEqual(before)
    }
    for await (const progress of importFile(file)) if (progress.type === 'layer') break
    expect(stored()).toEqual(before)
  })

  it('shares the layers of archives that are imported at once, one of them bad', async () => {
    const shared = await buildTar([{ name: 'shared', content: Buffer.alloc(5_000_000, 's') }])
    const bad = await buildTar([{ name: 'bad', type: 'link', linkname: '../out' }])
    const archives = [
      await buildDockerArchive([shared, bad], { tags: ['test/bad:1'] }),
      await buildDockerArchive([shared], { tags: ['test/one:1'] }),
      await buildDockerArchive([shared, bad], { tags: ['test/bad:2'] }),
      await buildDockerArchive([shared, await buildTar([{ name: 'two' }])], { tags: ['test/two:1'] }),
    ]
    const results = await Promise.allSettled(
      archives.map(async (bytes, index) => {
        const file = path.join(folder, `shared-${index}.tar`)
        writeFileSync(file, bytes)
        for await (const _ of importFile(file));
      }),
    )
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled'])
    const signal = new AbortController().signal
    const added = stored().filter((name) => !before.includes(name))
    expect(added.filter((name) => name.startsWith('layers/'))).toHaveLength(2)
    for (const id of ['test/one:1', 'test/two:1'])
      await test.engine.handlers.image.remove({ id, force: false }, { signal })
    expect(stored()).toEqual(before)
  })

  it('unpacks a root file system once and names it after its file', async () => {
    const file = path.join(folder, 'My Root_FS.tar')
    writeFileSync(file, await buildTar([{ name: 'bin/sh', content: 'x', mode: 0o755 }]))
    const seen: ImportProgress[] = []
    for await (const progress of importFile(file)) seen.push(progress)
    expect(seen.filter((progress) => progress.type === 'image')).toMatchObject([{ references: ['my-root-fs:latest'] }])
    for await (const _ of importFile(file));
    const signal = new AbortController().signal
    await test.engine.handlers.image.remove({ id: 'my-root-fs', force: true }, { signal }).catch(() => {})
    for (const { id, references } of await test.engine.handlers.image.list({}, { signal }))
      if (!references.includes('test/image:1')) await test.engine.handlers.image.remove({ id, force: true }, { signal })
    expect(stored()).toEqual(before)
  })
})
