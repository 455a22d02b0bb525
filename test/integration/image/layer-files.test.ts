import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPushQueue } from '../../../engine/lib/async.ts'
import { buildDockerArchive, buildTar } from '../../fixtures/archives.ts'
import { startEngine, type TestEngine } from '../../helpers/engine.ts'

const context = { signal: new AbortController().signal }
const stream = { ...context, up: createPushQueue<never>() }

describe('the files of a layer', () => {
  let test: TestEngine
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-layer-files-'))
  beforeAll(async () => {
    test = await startEngine()
    const lower = await buildTar([
      { name: 'etc/kept', content: 'kept' },
      { name: 'etc/gone', content: 'seven b' },
      { name: 'etc/other', content: 'old' },
      { name: 'data/', type: 'directory' },
      { name: 'data/a', content: 'aaaa' },
    ])
    const upper = await buildTar([
      { name: 'etc/.wh.gone', content: '' },
      { name: 'etc/other', content: 'newer' },
      { name: 'etc/made', content: 'made here' },
    ])
    const file = path.join(folder, 'image.tar')
    writeFileSync(file, await buildDockerArchive([lower, upper], { tags: ['test/layers:1'] }))
    for await (const _ of test.engine.handlers.image.importArchive({ path: file }, stream));
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    await test?.destroy()
  })

  it('are told apart as added, changed and removed, with sizes, without a container', async () => {
    const { image, container } = test.engine.handlers
    const top = await image.layerFiles({ id: 'test/layers:1', layer: 1, path: '/etc' }, context)
    expect(top.entries.map(({ name, kind, sizeBytes }) => [name, kind, sizeBytes])).toEqual([
      ['gone', 'removed', 7],
      ['made', 'added', 9],
      ['other', 'changed', 5],
    ])
    const lowest = await image.layerFiles({ id: 'test/layers:1', layer: 0, path: '/' }, context)
    expect(lowest.entries.map(({ name, kind, sizeBytes }) => [name, kind, sizeBytes])).toEqual([
      ['data', 'added', 4],
      ['etc', 'added', 14],
    ])
    await expect(image.layerFiles({ id: 'test/layers:1', layer: 2, path: '/' }, context)).rejects.toThrow('2 layers')
    expect(await container.list({ all: true }, context)).toEqual([])
  })

  it('are written to an archive whole, or not at all', async () => {
    const { image } = test.engine.handlers
    const target = path.join(folder, 'saved.tar')
    let written = 0
    for await (const step of image.save({ ids: ['test/layers:1'], path: target }, stream)) written = step.writtenBytes
    expect(statSync(target).size).toBe(written)
    rmSync(target)
    const refused = async () => {
      for await (const _ of image.save({ ids: ['test/nosuch'], path: target }, stream));
    }
    await expect(refused()).rejects.toThrow('No such image')
    expect(readdirSync(folder)).toEqual(['image.tar'])
  })
})
