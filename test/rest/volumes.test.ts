import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'

const JSON_TYPE = { 'content-type': 'application/json' }

describe.skipIf(!hasDocker)('volumes', () => {
  let it: DockerTest
  const post = (target: string, body: unknown) => it.ask('POST', target, JSON.stringify(body), JSON_TYPE)

  beforeAll(async () => {
    it = await startDocker()
  })
  afterAll(() => it?.engine.destroy())

  test('a volume whose labels are no texts is refused, so that none is lost at the next start', async () => {
    for (const Labels of [{ a: 1 }, ['a'], 'a']) {
      const { status, json } = await post('/volumes/create', { Name: 'labelled', Labels })
      expect([status, json['message']]).toEqual([400, expect.stringMatching(/^Labels/)])
    }
    expect((await post('/volumes/create', { Name: { a: 1 } })).status).toBe(400)
    expect((await post('/volumes/create', { Name: 'labelled', Labels: null })).status).toBe(201)
    await it.ok('volume', 'rm', 'labelled')
  })

  test('an empty volume gets what the image has there once, not again when it was emptied', async () => {
    const list = 'ls /etc | grep -c passwd; rm -rf /etc/passwd /etc/group /etc/*'
    const flags = ['--name', 'emptier', '--network', 'none', '-v', 'filled:/etc']
    const first = await it.docker(['run', ...flags, 'test/box:1', 'sh', '-c', list])
    expect(first.stdout).toBe('1\n')
    expect((await it.docker(['start', '--attach', 'emptier'])).stdout).toBe('0\n')
    await it.ok('rm', 'emptier')
    // Another container is another first use.
    expect(await it.ok('run', '--rm', '-v', 'filled:/etc', 'test/box:1', 'sh', '-c', 'ls /etc | grep passwd')).toBe(
      'passwd\n',
    )
    await it.ok('volume', 'rm', 'filled')
  })

  test('prune says how much it freed, and spares what has a label that it is told to spare', async () => {
    await it.ok('volume', 'create', '--label', 'keep', 'spared')
    await it.ok('volume', 'create', 'large')
    await it.ok('run', '--rm', '-v', 'large:/l', 'test/box:1', 'sh', '-c', 'dd if=/dev/zero of=/l/f bs=1M count=3')
    const filters = JSON.stringify({ all: ['1'], 'label!': ['keep'] })
    const { json } = await post(`/volumes/prune?filters=${encodeURIComponent(filters)}`, {})
    expect(json['VolumesDeleted']).toEqual(['large'])
    expect(json['SpaceReclaimed']).toBeGreaterThanOrEqual(3 * 1024 * 1024)
    await it.ok('volume', 'rm', 'spared')
  })

  test('a prune that runs all the while takes no volume of a container that is being made', async () => {
    const filters = encodeURIComponent(JSON.stringify({ all: ['1'] }))
    let isOver = false
    const pruning = (async () => {
      while (!isOver) await post(`/volumes/prune?filters=${filters}`, {})
    })()
    const flags = ['--network', 'none', '-v', '/anonymous', '-v', 'named:/named']
    for (let round = 0; round < 8; round += 1)
      await it.ok('create', '--name', `made-${round}`, ...flags, 'test/box:1', 'true')
    isOver = true
    await pruning
    const volumes = (await it.ok('volume', 'ls', '-q')).trim().split('\n')
    for (let round = 0; round < 8; round += 1) {
      const names = await it.ok('inspect', '-f', '{{range .Mounts}}{{.Name}} {{end}}', `made-${round}`)
      expect(volumes).toEqual(expect.arrayContaining(names.trim().split(' ')))
      await it.ok('rm', '--volumes', `made-${round}`)
    }
    await it.ok('volume', 'rm', 'named')
  })

  test('what a removal that was cut off has left is removed at the next start, and is no volume', async () => {
    await it.ok('volume', 'create', 'stays')
    const folder = path.join(it.engine.config.root, 'volumes')
    mkdirSync(path.join(folder, '.removed-0123/_data'), { recursive: true })
    writeFileSync(path.join(folder, '.removed-0123/_data/f'), 'f')
    await it.engine.restart()
    await it.engine.engine.listen()
    expect(readdirSync(folder)).toEqual(['stays'])
    expect(await it.ok('volume', 'ls', '-q')).toBe('stays\n')
    await it.ok('volume', 'rm', 'stays')
    expect(readdirSync(folder)).toEqual([])
  })

  test('volumes are listed by labels that they have and have not', async () => {
    await it.ok('volume', 'create', '--label', 'tier=a', 'first')
    await it.ok('volume', 'create', '--label', 'tier=b', 'second')
    expect(await it.ok('volume', 'ls', '-q', '--filter', 'label!=tier=a')).toBe('second\n')
    expect(await it.ok('volume', 'ls', '-q', '--filter', 'label!=tier')).toBe('')
    await it.ok('volume', 'rm', 'first', 'second')
  })

  test('no volume is removed while a container that will use it is being made', async () => {
    const HostConfig = { Binds: ['raced:/r'], NetworkMode: 'none' }
    for (let round = 0; round < 20; round += 1) {
      await it.ok('volume', 'create', 'raced')
      const [made] = await Promise.all([
        post(`/containers/create?name=racer`, { Image: 'test/box:1', Cmd: ['true'], HostConfig }),
        it.ask('DELETE', '/volumes/raced'),
        it.ask('DELETE', '/volumes/raced'),
      ])
      expect(made.status).toBe(201)
      expect((await it.ask('GET', '/volumes/raced')).status).toBe(200)
      await it.ask('DELETE', '/containers/racer')
    }
    await it.ok('volume', 'rm', 'raced')
  })

  test('an endpoint whose aliases are no texts is refused as a bad request', async () => {
    await it.ok('network', 'create', 'checked')
    await it.ok('create', '--name', 'member', 'test/box:1', 'true')
    const body = { Container: 'member', EndpointConfig: { Aliases: [1] } }
    const { status, json } = await post('/networks/checked/connect', body)
    expect([status, json['message']]).toEqual([400, expect.stringMatching(/^aliases/)])
    await it.ok('rm', 'member')
    await it.ok('network', 'rm', 'checked')
  })
})
