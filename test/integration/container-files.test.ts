import { readdirSync } from 'node:fs'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildTar } from '../fixtures/archives.ts'
import { request, startEngine, type TestEngine, waitUntil } from '../helpers/engine.ts'

const TIMES = 5

describe('the files of a container', () => {
  const { signal } = new AbortController()
  let test: TestEngine
  let id: string
  beforeAll(async () => {
    test = await startEngine()
    const image = (await test.engine.handlers.image.createStarter({}, { signal })).reference
    id = (await test.engine.services.container.create(request({ image, command: ['x'] }))).id
  })
  afterAll(() => test?.destroy())

  const tar = async (content: string) => Readable.from([await buildTar([{ name: 'data', content }])])
  const target = () => ({ id, path: '/', keepKinds: true, ownedByUser: false })
  const drain = async ({ stream, ended }: { readonly stream: Readable; readonly ended: Promise<void> }) => {
    stream.resume()
    await ended
  }
  const works: Readonly<Record<string, () => Promise<unknown>>> = {
    'copied in': async () => test.engine.services.container.writeArchive(target(), await tar('text'), signal),
    'copied out': async () => drain(await test.engine.services.container.readArchive({ id, path: '/bin' }, signal)),
    exported: async () => drain(await test.engine.services.container.export(id, signal)),
    compared: () => test.engine.services.container.changes(id),
    committed: () =>
      test.engine.services.image.commit(
        { container: id, reference: '', author: '', comment: '', pause: false, changes: [] },
        signal,
      ),
  }

  it.each(Object.keys(works))('leave no descriptor open when they are %s', async (name) => {
    const work = works[name] as () => Promise<unknown>
    const descriptors = () => readdirSync('/proc/self/fd').length
    await work()
    const before = descriptors()
    for (let turn = 0; turn < TIMES; turn += 1) await work()
    // A connection closes a moment after its last byte.
    await waitUntil(() => descriptors() <= before, `no more than ${before} descriptors`)
    expect(descriptors()).toBeLessThanOrEqual(before)
  })
})
