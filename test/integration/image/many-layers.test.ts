import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPushQueue } from '../../../engine/lib/async.ts'
import { buildConfig, buildDockerArchive, buildTar } from '../../fixtures/archives.ts'
import { readStarterLayer } from '../../fixtures/starter.ts'
import { request, startEngine, type TestEngine } from '../../helpers/engine.ts'

const LAYERS = 120
const context = { signal: new AbortController().signal }

describe('an image of many layers', () => {
  let test: TestEngine
  let folder: string
  beforeAll(async () => {
    test = await startEngine()
    folder = mkdtempSync(path.join(os.tmpdir(), 'slw-many-'))
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    await test?.destroy()
  })

  it(`mounts all ${LAYERS}, the highest on top`, async () => {
    const layers = [await readStarterLayer(folder)]
    for (let index = 1; index < LAYERS; index += 1) {
      layers.push(
        await buildTar([
          { name: `files/${index}`, content: `${index}` },
          { name: 'top', content: `${index}` },
        ]),
      )
    }
    const file = path.join(folder, 'many.tar')
    const config = buildConfig(layers, { architecture: process.arch === 'x64' ? 'amd64' : process.arch })
    writeFileSync(file, await buildDockerArchive(layers, { tags: ['test/many:1'], config }))
    const { image, container } = test.engine.handlers
    for await (const _ of image.importArchive({ path: file }, { ...context, up: createPushQueue<never>() }));
    const command = ['sh', '-c', 'ls files | wc -l; cat top; echo']
    const { id } = await container.create(request({ image: 'test/many:1', command, network: 'none' }), context)
    await container.start({ id }, context)
    expect(await container.wait({ id }, context)).toEqual({ exitCode: 0 })
    const { lines } = await container.logWindow({ id, tail: 10, search: '' }, context)
    expect(lines.map(({ text }) => text)).toEqual([`${LAYERS - 1}`, `${LAYERS - 1}`])
  })
})
