import { once } from 'node:events'
import http from 'node:http'
import type net from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRouter } from '../../engine/api/rest/router.ts'
import { missingRoutes } from '../../engine/api/rest/routes/not-here.ts'
import { allRoutes } from '../../engine/api/rest/server.ts'
import type { Services } from '../../engine/service/services.ts'
import { type ApiDefinition, readApiDefinition } from '../helpers/api-definition.ts'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'
import { hasRegistry, LOGIN, startRegistry } from '../helpers/registry.ts'

interface Call {
  readonly query?: Record<string, string>
  readonly body?: unknown
  /** The body as it is, for archives. */
  readonly raw?: Buffer
  readonly headers?: Record<string, string>
  /** Reads this many lines of an endless answer, then leaves. */
  readonly lines?: number
  /** The API version that the client speaks. */
  readonly version?: string
}
interface Reply {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: Buffer
  // biome-ignore lint/suspicious/noExplicitAny: the definition says what it is, and the validator has read it.
  readonly json: any
}

const SWARM = /^\/(swarm|nodes|services|tasks|secrets|configs)(\/|$)/
const UNKNOWN = 'f'.repeat(64)

describe.skipIf(!hasDocker)('every answer is as the definition of the API has it', () => {
  let docker: DockerTest
  const definition: ApiDefinition = readApiDefinition()
  const router = createRouter(allRoutes(new Proxy({}, { get: () => ({}) }) as Services))
  const isMissing = ({ method, path }: { method: string; path: string }) =>
    missingRoutes.includes(router.match(method, path.replaceAll(/\{\w+\}/g, 'x')).route)
  const isServed = (operation: string) => {
    const [method = '', path = ''] = operation.split(' ')
    return !isMissing({ method, path })
  }
  const called = new Set<string>()

  /** Makes a call of the definition's and holds its answer, whatever its status, against the schema. */
  async function call(operation: string, names: readonly string[] = [], options: Call = {}): Promise<Reply> {
    const [method = '', path = ''] = operation.split(' ')
    const rest = [...names]
    const target = path.replaceAll(/\{\w+\}/g, () => rest.shift() ?? '')
    const reply = await ask(docker.engine.config.socket, method, target, options)
    called.add(operation)
    const values = options.lines ? reply.json : [reply.json]
    for (const json of values)
      expect(
        definition.check({ method, path, status: reply.status, json }),
        reply.body.toString().slice(0, 2000),
      ).toEqual([])
    return reply
  }
  const made = async (...args: Parameters<typeof call>) => {
    const reply = await call(...args)
    expect(reply.status, reply.body.toString()).toBeLessThan(300)
    return reply
  }

  beforeAll(async () => {
    docker = await startDocker()
  })
  afterAll(() => docker?.engine.destroy())

  test('the system', async () => {
    expect((await made('GET /_ping')).body.toString()).toBe('OK')
    expect((await made('HEAD /_ping')).headers).toMatchObject({
      'api-version': '1.51',
      swarm: 'inactive',
      'content-type': 'text/plain; charset=utf-8',
      'content-length': '0',
    })
    await made('GET /version')
    await made('GET /info')
    await made('GET /system/df')
    await made('GET /plugins')
    expect((await call('GET /plugins/{name}/json', ['nosuch'])).status).toBe(404)
  })

  test('a container, from its making to its end', async () => {
    const create = { Image: 'test/box:1', Cmd: ['sleep', '600'], Labels: { a: 'b' } }
    const full = {
      ...create,
      Hostname: 'ship',
      ExposedPorts: { '80/tcp': {} },
      Healthcheck: { Test: ['CMD-SHELL', 'echo well'], Interval: 1e8, Timeout: 5e9, Retries: 2 },
      HostConfig: {
        Binds: ['deep:/data:ro'],
        Mounts: [{ Type: 'tmpfs', Target: '/scratch' }],
        PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] },
        RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 },
        CapAdd: ['NET_ADMIN'],
        ExtraHosts: ['pier:10.1.2.3'],
        LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
      },
    }
    const query = { name: 'whole' }
    const { Id: id } = (await made('POST /containers/create', [], { query, body: full })).json
    expect((await call('POST /containers/create', [], { query, body: create })).status).toBe(409)
    expect((await call('POST /containers/create', [], { body: { Image: 'no/such:1' } })).status).toBe(404)
    expect((await call('POST /containers/create', [], { body: {} })).status).toBe(400)
    await made('GET /containers/{id}/json', [id])
    await made('POST /containers/{id}/start', [id])
    expect((await call('POST /containers/{id}/start', [id])).status).toBe(304)
    await healthy(id)
    const running = (await made('GET /containers/{id}/json', [id], { query: { size: '1' } })).json
    expect(running.State.Health).toMatchObject({ Status: 'healthy', FailingStreak: 0 })
    expect(running.State.Health.Log[0]).toMatchObject({ ExitCode: 0, Output: 'well\n' })
    expect(running.Config.Healthcheck).toEqual({ ...full.Healthcheck })
    const queries: Record<string, string>[] = [{}, { all: '1' }, { size: '1' }, { filters: '{"health":["healthy"]}' }]
    for (const query of queries) {
      const rows = (await made('GET /containers/json', [], { query })).json
      expect(rows.map((row: { Id: string }) => row.Id)).toEqual([id])
    }
    await made('GET /containers/{id}/logs', [id], { query: { stdout: '1' } })
    expect((await call('GET /containers/{id}/logs', [id])).status).toBe(400)
    await made('GET /containers/{id}/stats', [id], { query: { stream: '0' } })
    await made('GET /containers/{id}/stats', [id], { query: { stream: '0', 'one-shot': '1' } })
    await made('GET /containers/{id}/stats', [id], { lines: 2 })
    if (isServed('GET /containers/{id}/top')) await made('GET /containers/{id}/top', [id])
    const update = { body: { Memory: 0, RestartPolicy: { Name: 'no' } } }
    if (isServed('POST /containers/{id}/update')) await made('POST /containers/{id}/update', [id], update)
    await made('POST /containers/{id}/resize', [id], { query: { h: '20', w: '80' } })
    await made('POST /containers/{id}/rename', [id], { query: { name: 'renamed' } })
    // A machine may give ordinary users no control group, and then there is no pausing.
    const { status } = await call('POST /containers/{id}/pause', [id])
    expect(docker.mode === 'rootful' ? [204] : [204, 503]).toContain(status)
    await made('GET /containers/{id}/json', [id])
    await made('GET /containers/json')
    expect((await call('POST /containers/{id}/unpause', [id])).status).toBe(status === 204 ? 204 : 409)
    await made('POST /containers/{id}/restart', [id], { query: { t: '0' } })
    await made('POST /containers/{id}/kill', [id], { query: { signal: 'KILL' } })
    expect((await made('POST /containers/{id}/wait', [id])).json.StatusCode).toBe(137)
    await made('GET /containers/{id}/json', [id])
    await made('GET /containers/{id}/stats', [id], { query: { stream: '0' } })
    expect((await call('POST /containers/{id}/kill', [id])).status).toBe(409)
    expect((await call('POST /containers/{id}/stop', [id])).status).toBe(304)
    await made('POST /containers/{id}/attach', [id], { query: { logs: '1', stdout: '1' } })
    await made('DELETE /containers/{id}', [id], { query: { v: '1' } })
    await made('POST /containers/create', [], { body: create })
    expect((await made('POST /containers/prune')).json.ContainersDeleted).toHaveLength(1)
  })

  test('files of a container', async () => {
    const { Id: id } = (await made('POST /containers/create', [], { body: { Image: 'test/box:1' } })).json
    const path = { path: '/etc' }
    await made('HEAD /containers/{id}/archive', [id], { query: path })
    const { body } = await made('GET /containers/{id}/archive', [id], { query: path })
    await made('PUT /containers/{id}/archive', [id], { query: { path: '/tmp' }, raw: body })
    await made('GET /containers/{id}/changes', [id])
    await made('GET /containers/{id}/export', [id])
    await made('DELETE /containers/{id}', [id])
  })

  test('a process in a container', async () => {
    const body = { Image: 'test/box:1', Cmd: ['sleep', '600'] }
    const { Id: id } = (await made('POST /containers/create', [], { body })).json
    const exec = { Cmd: ['sh', '-c', 'exit 3'], AttachStdout: true }
    expect((await call('POST /containers/{id}/exec', [id], { body: exec })).status).toBe(409)
    await made('POST /containers/{id}/start', [id])
    const { Id: execId } = (await made('POST /containers/{id}/exec', [id], { body: exec })).json
    const before = (await made('GET /exec/{id}/json', [execId])).json
    expect(before).toMatchObject({ Running: false, ExitCode: null })
    await made('POST /exec/{id}/start', [execId], { body: { Detach: false } })
    expect((await made('GET /exec/{id}/json', [execId])).json).toMatchObject({ Running: false, ExitCode: 3 })
    expect((await call('POST /exec/{id}/start', [execId], { body: {} })).status).toBe(409)
    await made('POST /exec/{id}/resize', [execId], { query: { h: '20', w: '80' } })
    await made('DELETE /containers/{id}', [id], { query: { force: '1' } })
  })

  test('networks', async () => {
    await made('GET /networks')
    const body = { Name: 'quay', IPAM: { Config: [{ Subnet: '10.214.3.0/24' }] }, Labels: { a: 'b' } }
    const { Id: id } = (await made('POST /networks/create', [], { body })).json
    expect((await call('POST /networks/create', [], { body })).status).toBe(409)
    await made('GET /networks/{id}', [id])
    const create = { Image: 'test/box:1', Cmd: ['sleep', '600'] }
    const { Id: container } = (await made('POST /containers/create', [], { body: create })).json
    await made('POST /containers/{id}/start', [container])
    const join = {
      Container: container,
      EndpointConfig: { Aliases: ['buoy'], IPAMConfig: { IPv4Address: '10.214.3.9' } },
    }
    await made('POST /networks/{id}/connect', [id], { body: join })
    const { Networks } = (await made('GET /containers/{id}/json', [container])).json.NetworkSettings
    expect(Networks.quay).toMatchObject({
      IPAddress: '10.214.3.9',
      NetworkID: id,
      IPAMConfig: { IPv4Address: '10.214.3.9' },
    })
    const { Containers } = (await made('GET /networks/{id}', [id])).json
    expect(Containers[container].EndpointID).toBe(Networks.quay.EndpointID)
    expect(Networks.quay.EndpointID).toMatch(/^[0-9a-f]{64}$/)
    expect((await call('DELETE /networks/{id}', [id])).status).toBe(403)
    await made('POST /networks/{id}/disconnect', [id], { body: { Container: container } })
    await made('DELETE /containers/{id}', [container], { query: { force: '1' } })
    await made('DELETE /networks/{id}', [id])
    await made('POST /networks/prune')
    expect((await call('GET /networks/{id}', ['nosuch'])).status).toBe(404)
  })

  test('volumes', async () => {
    await made('POST /volumes/create', [], { body: { Name: 'hold', Labels: { a: 'b' } } })
    await made('GET /volumes')
    await made('GET /volumes/{name}', ['hold'])
    expect((await call('GET /volumes/{name}', ['nosuch'])).status).toBe(404)
    await made('GET /system/df')
    await made('DELETE /volumes/{name}', ['hold'])
    await made('POST /volumes/create')
    expect((await made('POST /volumes/prune')).json.VolumesDeleted).toHaveLength(1)
    await made('POST /build/prune')
  })

  test('images', async () => {
    await made('GET /images/json')
    await made('GET /images/json', [], { query: { 'shared-size': '1', digests: '1' } })
    await made('GET /images/{name}/json', ['test/box:1'])
    await made('GET /images/{name}/history', ['test/box:1'])
    expect((await call('GET /images/{name}/json', ['nosuch'])).status).toBe(404)
    await made('POST /images/{name}/tag', ['test/box:1'], { query: { repo: 'test/other', tag: '2' } })
    expect((await made('DELETE /images/{name}', ['test/other:2'])).json).toEqual([{ Untagged: 'test/other:2' }])
    expect((await call('GET /images/get', [], { query: { names: 'test/box:1' } })).status).toBe(200)
    await made('POST /images/prune')
    expect((await call('POST /commit', [], { query: { container: 'nosuch' }, body: {} })).status).toBe(404)
    const { Id: id } = (await made('POST /containers/create', [], { body: { Image: 'test/box:1' } })).json
    const query = { container: id, repo: 'test/kept', tag: '1', comment: 'why', changes: 'CMD ["true"]' }
    const committed = await made('POST /commit', [], { query, body: {} })
    expect(committed).toMatchObject({ status: 201, json: { Id: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) } })
    const kept = (await made('GET /images/{name}/json', ['test/kept:1'])).json
    expect(kept).toMatchObject({ Id: committed.json.Id, Config: { Cmd: ['true'] } })
    await made('DELETE /containers/{id}', [id])
    const saved = await call('GET /images/{name}/get', ['test/kept:1'])
    expect(saved.headers['content-type']).toBe('application/x-tar')
    await made('DELETE /images/{name}', ['test/kept:1'])
    const loaded = await made('POST /images/load', [], { raw: saved.body })
    expect(loaded.headers['content-type']).toMatch(/^application\/json/)
    expect(
      loaded.body
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
        .at(-1),
    ).toEqual({
      stream: 'Loaded image: test/kept:1\n',
    })
    expect((await made('GET /images/{name}/json', ['test/kept:1'])).json.Id).toBe(committed.json.Id)
    await made('DELETE /images/{name}', ['test/kept:1'])
    expect((await call('POST /images/load', [], { raw: Buffer.from('no archive') })).status).toBeLessThan(501)
  })

  test.skipIf(!hasRegistry)('registries', async () => {
    const registry = await startRegistry({ auth: true })
    const index = http
      .createServer((_request, response) => {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ results: [{ name: 'fleet/box', description: '', star_count: 3 }] }))
      })
      .listen(0, '127.0.0.1')
    await once(index, 'listening')
    const { port } = index.address() as net.AddressInfo
    try {
      const name = `${registry.host}/fleet/box`
      const headers = { 'x-registry-auth': Buffer.from(JSON.stringify(LOGIN)).toString('base64url') }
      const auth = { ...LOGIN, serveraddress: registry.host }
      expect((await made('POST /auth', [], { body: auth })).json.Status).toBe('Login Succeeded')
      expect((await call('POST /auth', [], { body: { ...auth, password: 'wrong' } })).status).toBe(401)
      await docker.ok('tag', 'test/box:1', `${name}:1`)
      await made('POST /images/{name}/push', [name], { query: { tag: '1' }, headers })
      const seen = await made('GET /distribution/{name}/json', [`${name}:1`], { headers })
      expect(seen.json.Platforms).toEqual([{ os: 'linux', architecture: 'amd64' }])
      await docker.ok('rmi', `${name}:1`)
      await made('POST /images/create', [], { query: { fromImage: name, tag: '1' }, headers })
      expect((await call('POST /images/create', [], { query: { fromImage: name, tag: 'no' }, headers })).status).toBe(
        404,
      )
      const found = await made('GET /images/search', [], { query: { term: `127.0.0.1:${port}/box` } })
      expect(found.json).toMatchObject([{ name: `127.0.0.1:${port}/fleet/box`, star_count: 3 }])
    } finally {
      index.close()
      await registry.stop()
    }
  })

  test('what happened', async () => {
    const watching = made('GET /events', [], { lines: 3 })
    await docker.ok('network', 'create', 'seen')
    await docker.ok('network', 'rm', 'seen')
    await docker.ok('volume', 'create', 'seen')
    await docker.ok('volume', 'rm', 'seen')
    expect((await watching).json.map((one: { Action: string }) => one.Action)).toEqual(['create', 'destroy', 'create'])
  })

  test('what is unknown is refused as the definition says', async () => {
    for (const { method, path } of definition.operations) {
      if (!/^\/(containers|exec|networks|volumes|images)\/\{/.test(path) || path.includes('prune')) continue
      if (isMissing({ method, path }) || path.endsWith('/ws')) continue
      const query = { path: '/', name: 'other', repo: 'other', stdout: '1' }
      const body = path.endsWith('/exec') ? { Cmd: ['true'] } : { Container: 'nosuch' }
      const { status } = await call(`${method} ${path}`, [UNKNOWN], { query, ...(method === 'POST' ? { body } : {}) })
      expect({ method, path, status }).toEqual({ method, path, status: 404 })
    }
  })

  test('an engine outside a swarm says so to every call of a swarm', async () => {
    for (const { method, path } of definition.operations) {
      if (!SWARM.test(path)) continue
      const { status } = await call(`${method} ${path}`, ['x'], method === 'POST' ? { body: {} } : {})
      expect({ method, path, status }).toEqual({ method, path, status: 503 })
    }
  })

  test('what is not implemented here says so by name', async () => {
    for (const { method, path } of definition.operations.filter(isMissing)) {
      const target = path.replaceAll(/\{\w+\}/g, 'x')
      const { status, json } = await ask(docker.engine.config.socket, method, target, {})
      expect({ path, status, json }).toEqual({
        path,
        status: 501,
        json: { message: expect.stringContaining('not implemented here') },
      })
    }
  })

  test.skipIf(!hasRegistry)('every call of the definition that is served was made here', () => {
    const served = definition.operations.filter((one) => !isMissing(one)).map(({ method, path }) => `${method} ${path}`)
    expect(served.filter((one) => !called.has(one))).toEqual([])
  })

  async function healthy(id: string): Promise<void> {
    const deadline = Date.now() + 20_000
    while ((await call('GET /containers/{id}/json', [id])).json.State.Health?.Status !== 'healthy') {
      if (Date.now() > deadline) throw new Error('the container did not become healthy')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
})

/** One request on the socket. With `lines` the connection ends after so many lines, and `json` holds them all. */
function ask(socketPath: string, method: string, target: string, options: Call): Promise<Reply> {
  const { query, body, raw, headers, lines, version = '1.51' } = options
  const path = `/v${version}${target}${query ? `?${new URLSearchParams(query)}` : ''}`
  const json = body === undefined ? {} : { 'Content-Type': 'application/json' }
  return new Promise((resolve, reject) => {
    const request = http.request({ socketPath, method, path, headers: { ...json, ...headers } }, (response) => {
      const chunks: Buffer[] = []
      const finish = () => {
        const all = Buffer.concat(chunks)
        const isJson = response.headers['content-type']?.startsWith('application/json')
        const values = isJson ? all.toString().split('\n').filter(Boolean) : []
        const parsed = lines
          ? values.slice(0, lines).map((line) => JSON.parse(line))
          : values[0] && JSON.parse(values[0])
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: all, json: parsed || undefined })
      }
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        if (!lines || Buffer.concat(chunks).toString().split('\n').length <= lines) return
        finish()
        request.destroy()
      })
      response.on('end', finish)
    })
    request.on('error', reject)
    request.end(raw ?? (body === undefined ? undefined : JSON.stringify(body)))
  })
}
