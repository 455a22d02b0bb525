import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildDockerArchive, buildTar } from '../../fixtures/archives.ts'
import { request, startEngine, type TestEngine } from '../../helpers/engine.ts'
import { createRandom, SEED } from '../../helpers/random.ts'
import { hasRegistry, startRegistry, type TestRegistry } from '../../helpers/registry.ts'
import { listStore } from '../../helpers/store.ts'
import { findDamage, findGarbage } from '../../helpers/verify-store.ts'

const ROUNDS = 12
const AT_ONCE = 10

describe.skipIf(!hasRegistry)('work of all kinds at once on images that share layers', () => {
  let test: TestEngine
  let registry: TestRegistry
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-gc-'))
  const signal = new AbortController().signal
  const random = createRandom(SEED)
  const names = ['test/a:1', 'test/b:1', 'test/c:1', 'test/d:1']
  const files = names.map((_, index) => path.join(folder, `${index}.tar`))
  const containers = new Set<string>()
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T
  const engine = () => test.engine.services
  const drain = async (work: AsyncIterable<unknown>, steps = Number.POSITIVE_INFINITY) => {
    let count = 0
    for await (const _ of work) {
      count += 1
      if (count >= steps) return
    }
  }

  beforeAll(async () => {
    ;[test, registry] = await Promise.all([startEngine(), startRegistry()])
    const layer = (name: string) => buildTar([{ name, content: name.repeat(50_000) }])
    const [one, two, three, four] = (await Promise.all(['one', 'two', 'three', 'four'].map(layer))) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ]
    const stacks = [[one], [one, two], [one, two, three], [one, four]]
    for (const [index, layers] of stacks.entries()) {
      writeFileSync(files[index] as string, await buildDockerArchive(layers, { tags: [names[index] as string] }))
      await drain(engine().image.importArchive(files[index] as string, signal))
      await engine().image.tag(names[index] as string, `${registry.host}/gc/${index}:1`)
      await drain(engine().image.push({ reference: `${registry.host}/gc/${index}:1` }, signal))
    }
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true })
    await test?.destroy()
    await registry?.stop()
  })

  const remote = () => `${registry.host}/gc/${random(names.length)}:1`
  const anyName = () => (random(2) === 0 ? pick(names) : remote())
  const works: readonly (() => Promise<unknown>)[] = [
    () => drain(engine().image.importArchive(pick(files), signal)),
    () => drain(engine().image.pull({ reference: remote(), platform: '' }, signal)),
    // One that is given up in the middle.
    () => drain(engine().image.pull({ reference: remote(), platform: '' }, signal), 1 + random(6)),
    () => drain(engine().image.importArchive(pick(files), signal), 1 + random(4)),
    () => drain(engine().image.push({ reference: remote() }, signal)),
    () => drain(engine().image.save([anyName()])),
    () => engine().image.remove(anyName(), random(2) === 0),
    () => engine().image.remove(anyName(), true),
    () => engine().image.tag(anyName(), pick(names)),
    () => engine().image.prune({ all: random(2) === 0, dryRun: random(3) === 0 }),
    async () => {
      const made = await engine().container.create(request({ image: anyName(), command: ['x'] }))
      containers.add(made.id)
    },
    async () => {
      const [id] = containers
      if (!id) return
      containers.delete(id)
      await engine().container.remove(id, { force: true, volumes: true })
    },
    async () => {
      const [id] = containers
      if (id) await engine().image.commit(commitOf(id, random(3) === 0 ? pick(names) : ''), signal)
    },
  ]
  const commitOf = (id: string, reference: string) => ({
    container: id,
    reference,
    author: '',
    comment: '',
    pause: false,
    changes: [],
  })

  it('a layer that comes again in other bytes leaves none of the first', async () => {
    const load = (index: number) => drain(engine().image.importArchive(files[index] as string, signal))
    const reference = `${registry.host}/gc/again:1`
    await engine().image.prune({ all: true, dryRun: false })
    await load(0)
    await load(1)
    await engine().image.tag(names[0] as string, reference)
    // The push compresses the layer of the one image; the other has it plain until it comes again.
    await drain(engine().image.push({ reference }, signal))
    await load(0)
    await load(1)
    expect(findGarbage(test.config.root)).toEqual([])
    expect(await findDamage(test.config.root)).toEqual([])
  })

  it(`removes nothing that is used and leaves nothing that is not (seed ${SEED})`, { timeout: 120_000 }, async () => {
    const { root } = test.config
    const refusals = new Set<string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      const running = Array.from({ length: AT_ONCE }, () => (async () => pick(works)())())
      for (const outcome of await Promise.allSettled(running)) {
        if (outcome.status === 'rejected')
          refusals.add((outcome.reason as { reason?: string }).reason ?? String(outcome.reason))
      }
      expect(await findDamage(root)).toEqual([])
    }
    // What may be refused is what is not there or is in use: nothing else went wrong on the way.
    const expected = [
      'image.not-found',
      'image.in-use',
      'image.many-references',
      'image.not-tagged',
      'container.not-found',
    ]
    expect([...refusals].filter((reason) => !expected.includes(reason))).toEqual([])
    for (const { id } of engine().container.list(true)) {
      await engine().container.remove(id, { force: true, volumes: true })
    }
    expect(findGarbage(root)).toEqual([])
    await engine().image.prune({ all: true, dryRun: false })
    const layout = {
      blobs: path.join(root, 'blobs/sha256'),
      layers: path.join(root, 'layers'),
      images: path.join(root, 'images'),
      temporary: path.join(root, 'tmp'),
    }
    expect(listStore(layout)).toEqual([])
  })
})
