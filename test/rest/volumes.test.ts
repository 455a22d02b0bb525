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
      expect([status, json['message']]).toEqual([400, expect.stringMatching(/^invalid JSON: Labels/)])
    }
    expect((await post('/volumes/create', { Name: { a: 1 } })).status).toBe(400)
    expect((await post('/volumes/create', { Name: 'labelled', Labels: null })).status).toBe(201)
    await it.ok('volume', 'rm', 'labelled')
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
