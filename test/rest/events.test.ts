import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { buildTar } from '../fixtures/archives.ts'
import { busyboxArchive, hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'
import { waitUntil } from '../helpers/engine.ts'

interface Told {
  readonly Type: string
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
}

describe.skipIf(!hasDocker)('what docker events tells', () => {
  let it: DockerTest
  const file = (name: string) => path.join(it.engine.config.root, name)
  /** What is told while something is done, up to what is told by a last deed that is no part of it. */
  const during = async (work: () => Promise<unknown>, filters = {}): Promise<Told[]> => {
    const told: Told[] = []
    const since = Date.now() / 1000
    await work()
    const query = `since=${since}&until=${Date.now() / 1000}&filters=${encodeURIComponent(JSON.stringify(filters))}`
    const { text } = await it.ask('GET', `/events?${query}`)
    for (const line of text.trim().split('\n').filter(Boolean)) told.push(JSON.parse(line) as Told)
    return told
  }
  const words = (told: readonly Told[]) => told.map(({ Type, Action }) => `${Type} ${Action}`)
  const find = (told: readonly Told[], type: string, action: string) => {
    const found = told.find(({ Type, Action }) => Type === type && Action === action)
    expect(found, `${type} ${action}`).toBeDefined()
    return (found as Told).Actor
  }
  const idOf = async (kind: string, name: string) => (await it.ok(kind, 'inspect', '-f', '{{.Id}}', name)).trim()

  beforeAll(async () => {
    it = await startDocker()
  })
  afterAll(() => it?.engine.destroy())
  // The end of one is the past of the next.
  afterEach(() => new Promise((resolve) => setTimeout(resolve, 5)))

  test('a container comes onto its networks and has its volumes when it starts, and leaves them when it ends', async () => {
    await it.ok('network', 'create', 'lane')
    await it.ok('create', '--name', 'goer', '--network', 'lane', '-v', 'bag:/bag:ro', 'test/box:1', 'sleep', '0.2')
    await it.ok('network', 'connect', 'bridge', 'goer')
    const told = await during(async () => {
      await it.ok('start', 'goer')
      await it.ok('wait', 'goer')
    })
    expect(words(told)).toEqual([
      'volume mount',
      'network connect',
      'network connect',
      'container start',
      'network disconnect',
      'network disconnect',
      'volume unmount',
      'container die',
    ])
    const container = await idOf('container', 'goer')
    const lane = await idOf('network', 'lane')
    for (const action of ['connect', 'disconnect'])
      expect(find(told, 'network', action)).toEqual({
        ID: lane,
        Attributes: { container, name: 'lane', type: 'bridge' },
      })
    expect(find(told, 'volume', 'mount')).toEqual({
      ID: 'bag',
      Attributes: { driver: 'local', container, destination: '/bag', 'read/write': 'false', propagation: '' },
    })
    expect(find(told, 'volume', 'unmount')).toEqual({ ID: 'bag', Attributes: { driver: 'local', container } })
    expect(find(told, 'container', 'die').Attributes).toMatchObject({ exitCode: '0', execDuration: '0' })
    const rest = await during(async () => {
      await it.ok('rm', 'goer')
      await it.ok('volume', 'rm', 'bag')
      await it.ok('network', 'rm', 'lane')
    })
    expect(words(rest)).toEqual(['container destroy', 'volume destroy', 'network destroy'])
    expect(find(rest, 'volume', 'destroy').Attributes).toEqual({ driver: 'local' })
  })

  test('a running container that is connected and disconnected says so once', async () => {
    await it.ok('network', 'create', 'side')
    await it.ok('run', '-d', '--name', 'mover', 'test/box:1', 'sleep', '60')
    const told = await during(async () => {
      await it.ok('network', 'connect', 'side', 'mover')
      await it.ok('network', 'disconnect', 'side', 'mover')
    })
    expect(words(told)).toEqual(['network connect', 'network disconnect'])
    const end = await during(() => it.ok('rm', '-f', 'mover'))
    expect(end.filter(({ Type }) => Type === 'network').map(({ Actor }) => Actor.Attributes['name'])).toEqual([
      'bridge',
    ])
    await it.ok('network', 'rm', 'side')
  })

  test('host and none are networks too, that of another container is not; one that does not start was nowhere', async () => {
    const networks = async (...args: string[]) =>
      (await during(() => it.docker(['run', '--rm', ...args])))
        .filter(({ Type }) => Type === 'network')
        .map(({ Action, Actor: { Attributes } }) => `${Action} ${Attributes['name']} ${Attributes['type']}`)
    expect(await networks('--network', 'none', 'test/box:1', 'true')).toEqual([
      'connect none null',
      'disconnect none null',
    ])
    expect(await networks('--network', 'host', 'test/box:1', 'true')).toEqual([
      'connect host host',
      'disconnect host host',
    ])
    await it.ok('run', '-d', '--name', 'shared', '--network', 'none', 'test/box:1', 'sleep', '60')
    expect(await networks('--network', 'container:shared', 'test/box:1', 'true')).toEqual([])
    expect(await networks('test/box:1', 'nosuch')).toEqual([])
    await it.ok('rm', '-f', 'shared')
  })

  test('an image is loaded, tagged, saved, imported, committed, untagged and deleted', async () => {
    writeFileSync(file('labelled.tar'), await busyboxArchive(['test/labelled:1'], { config: { Labels: { a: 'b' } } }))
    const loaded = await during(() => it.ok('load', '-i', file('labelled.tar')))
    const id = await idOf('image', 'test/labelled:1')
    expect(words(loaded)).toEqual(['image load'])
    expect(loaded[0]?.Actor).toEqual({ ID: id, Attributes: { a: 'b', name: id } })
    const told = await during(async () => {
      await it.ok('tag', 'test/labelled:1', 'test/other:2')
      await it.ok('save', '-o', file('out.tar'), 'test/labelled:1')
      await it.ok('rmi', 'test/other:2')
      await it.ok('rmi', 'test/labelled:1')
    })
    expect(words(told)).toEqual(['image tag', 'image save', 'image untag', 'image untag', 'image delete'])
    expect(find(told, 'image', 'tag')).toEqual({ ID: id, Attributes: { a: 'b', name: 'test/other:2' } })
    for (const action of ['save', 'untag', 'delete'])
      expect(find(told, 'image', action)).toEqual({ ID: id, Attributes: { a: 'b', name: id } })
    writeFileSync(file('root.tar'), await buildTar([{ name: 'f', content: Buffer.from('f') }]))
    const imported = await during(() => it.ok('import', file('root.tar'), 'test/imported:1'))
    expect(words(imported)).toEqual(['image import', 'image tag'])
    await it.ok('create', '--name', 'source', 'test/box:1', 'true')
    const committed = await during(() => it.ok('commit', '-m', 'why', 'source', 'test/committed:1'))
    expect(words(committed)).toEqual(['image create', 'image tag', 'container commit'])
    expect(find(committed, 'container', 'commit').Attributes).toMatchObject({
      comment: 'why',
      imageID: await idOf('image', 'test/committed:1'),
      imageRef: 'test/committed:1',
    })
    await it.ok('rm', 'source')
    await it.ok('rmi', 'test/imported:1', 'test/committed:1')
  })

  test('each prune says how much it freed', async () => {
    await it.ok('run', '--name', 'full', '-v', '/v', 'test/box:1', 'dd', 'if=/dev/zero', 'of=/f', 'bs=1M', 'count=2')
    const told = await during(() => it.ok('system', 'prune', '--force', '--volumes'))
    const prunes = told.filter(({ Action }) => Action === 'prune')
    expect(prunes.map(({ Type, Actor }) => [Type, Actor.ID]).toSorted()).toEqual([
      ['builder', ''],
      ['container', ''],
      ['image', ''],
      ['network', ''],
      ['volume', ''],
    ])
    expect(Number(find(prunes, 'container', 'prune').Attributes['reclaimed'])).toBeGreaterThanOrEqual(2 << 20)
    expect(find(prunes, 'network', 'prune').Attributes).toEqual({ reclaimed: '0' })
    expect(words(told)).toContain('container destroy')
    expect(words(told)).toContain('volume destroy')
  })

  test('an image is a filter of its containers too, and a name may be cut short', async () => {
    const run = () => it.ok('run', '--rm', '--name', 'filtered', '--network', 'none', 'test/box:1', 'true')
    for (const image of ['test/box', 'test/box:1'])
      expect(words(await during(run, { image: [image] }))).toContain('container start')
    expect(words(await during(run, { image: ['test'] }))).toEqual([])
    expect(words(await during(run, { container: ['filt'], event: ['start'] }))).toEqual(['container start'])
    expect(words(await during(run, { scope: ['swarm'] }))).toEqual([])
    expect(words(await during(run, { daemon: ['x'] }))).toEqual([])
    await waitUntil(async () => (await it.ok('ps', '-aq')) === '')
  })
})
