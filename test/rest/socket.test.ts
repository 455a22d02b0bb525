import { execFile } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serveDockerApi } from '../../engine/api/rest/server.ts'
import { isPeerGone, peerOf } from '../../engine/host/peer.ts'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'
import { waitUntil } from '../helpers/engine.ts'

const CLIENTS = 1000
const AT_ONCE = 50
const JSON_TYPE = 'Content-Type: application/json'

describe.skipIf(!hasDocker)('the socket of the Docker API', () => {
  let it: DockerTest
  const socketPath = () => it.engine.config.socket
  /** Sends bytes and answers with all that comes until the other side has ended. */
  const raw = (text: string | Buffer): Promise<string> =>
    new Promise((resolve) => {
      const socket = net.connect(socketPath())
      let answer = ''
      socket.on('data', (chunk) => {
        answer += chunk.toString('latin1')
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(answer))
      socket.write(text)
    })
  const post = (target: string, body: string, ...headers: string[]) =>
    raw(
      [
        `POST ${target} HTTP/1.1`,
        'Host: docker',
        'Connection: close',
        `Content-Length: ${Buffer.byteLength(body)}`,
        ...headers,
        '',
        body,
      ].join('\r\n'),
    )
  const status = (answer: string) => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0)
  const message = (answer: string) =>
    (JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as { message: string }).message
  const isAlive = async () => expect((await it.ask('GET', '/_ping')).text).toBe('OK')

  beforeAll(async () => {
    it = await startDocker()
  })
  afterAll(() => it?.engine.destroy())

  test('nobody but its user comes near it', () => {
    expect(fs.statSync(socketPath()).mode & 0o777).toBe(0o600)
    expect(fs.statSync(path.dirname(socketPath())).mode & 0o777).toBe(0o700)
  })

  test('another user is shut out whatever the modes say', async () => {
    // As an ordinary user there is no other to be.
    if (it.mode === 'rootless') return
    const open = path.join(fs.mkdtempSync('/tmp/slw-open-'), 'docker.sock')
    fs.chmodSync(path.dirname(open), 0o755)
    const server = await serveDockerApi(it.engine.engine.services, { socket: open, peerOf, isPeerGone })
    try {
      fs.chmodSync(open, 0o666)
      const script = `const s=require('net').connect(${JSON.stringify(open)});s.on('error',()=>{});s.on('data',(d)=>process.stdout.write(d));s.on('close',()=>console.log('closed'));s.write('GET /_ping HTTP/1.1\\r\\nHost: d\\r\\nConnection: close\\r\\n\\r\\n')`
      // The server answers from this very process: it must not be waited for by it.
      const as = (uid: number) =>
        new Promise<string>((resolve) => {
          const args = [`--reuid=${uid}`, '--clear-groups', process.execPath, '-e', script]
          execFile('setpriv', args, { cwd: '/' }, (_, stdout) => resolve(stdout))
        })
      expect(await as(0)).toContain('OK')
      expect(await as(65_534)).toBe('closed\n')
    } finally {
      await server.close()
      fs.rmSync(path.dirname(open), { recursive: true, force: true })
    }
  })

  test('bodies that are no JSON, or more than that, are refused in words', async () => {
    const create = '/v1.51/containers/create'
    expect(message(await post(create, '{"Image":"x"} more', JSON_TYPE))).toMatch(/^invalid JSON/)
    expect(message(await post(create, '{"Image":"x"', JSON_TYPE))).toMatch(/^invalid JSON/)
    expect(message(await post(create, '["x"]', JSON_TYPE))).toContain('an object is expected')
    expect(message(await post(create, '{"Image":"x"}', 'Content-Type: text/plain'))).toBe(
      "unsupported Content-Type header (text/plain): must be 'application/json'",
    )
    expect(message(await post(create, '{"Image":"x"}'))).toContain('unsupported Content-Type header')
    expect(
      message(await post(create, '{"Image":"test/nosuch:1"}', 'Content-Type: application/json; charset=utf-8')),
    ).toContain('No such image: test/nosuch:1')
    expect(status(await post(create, '', JSON_TYPE))).toBe(400)
    await isAlive()
  })

  test('giant and deep JSON is refused, and the engine lives', async () => {
    const create = '/v1.51/containers/create'
    const giant = await post(create, `{"Image":"${'x'.repeat(5_000_000)}"}`, JSON_TYPE)
    expect(giant === '' || message(giant) === 'request body too large').toBe(true)
    const deep = `{"Image":"x","Labels":${'['.repeat(500_000)}${']'.repeat(500_000)}}`
    expect([400, 404]).toContain(status(await post(create, deep, JSON_TYPE)))
    const wide = `{"Image":"x","HostConfig":{"Binds":[${'"/a:/b",'.repeat(100_000)}"/c:/d"]}}`
    expect(status(await post(create, wide, JSON_TYPE))).toBeGreaterThanOrEqual(400)
    await isAlive()
  })

  test('what is no HTTP, has two lengths or none that is a number, is refused', async () => {
    for (const text of [
      'nonsense\r\n\r\n',
      'GET /_ping HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'POST /v1.51/containers/create HTTP/1.1\r\nHost: d\r\nContent-Length: -1\r\n\r\n',
      `GET /_ping HTTP/1.1\r\nHost: d\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`,
    ]) {
      const answer = await raw(text)
      expect([400, 431], text.slice(0, 40)).toContain(status(answer))
      expect(message(answer)).toContain('malformed request')
    }
    await isAlive()
  })

  test('headers that do not come to an end are not waited for', async () => {
    const slow = path.join(it.engine.config.runtimeDir, 'slow.sock')
    const server = await serveDockerApi(it.engine.engine.services, {
      socket: slow,
      peerOf,
      isPeerGone,
      slowestHeadersMs: 200,
    })
    try {
      const answer = await new Promise<string>((resolve) => {
        const socket = net.connect(slow, () => socket.write('GET /_ping HTTP/1.1\r\nHost: d\r\n'))
        let text = ''
        socket.on('data', (chunk) => {
          text += chunk.toString()
        })
        socket.on('error', () => {})
        socket.on('close', () => resolve(text))
      })
      expect(status(answer)).toBe(408)
    } finally {
      await server.close()
    }
  })

  test('odd names and paths are not found, and nothing else', async () => {
    const ask = (target: string) => raw(`GET ${target} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n`)
    for (const name of [
      '..',
      '%2e%2e%2f%2e%2e',
      '%00',
      'a%0ab',
      '%f0%9f%90%b3',
      'x'.repeat(5000),
      '__proto__',
      'constructor',
    ])
      expect([400, 404], name.slice(0, 20)).toContain(status(await ask(`/v1.51/containers/${name}/json`)))
    expect(status(await ask('/v1.51/containers/%ff/json'))).toBe(400)
    for (const target of [
      '/',
      '//',
      '/v1.51',
      '/v1.51/',
      '/v1.51/nosuch',
      '/v1.51/containers',
      '/v1.51/../_ping/x',
      '*',
    ])
      expect([400, 404], target).toContain(status(await ask(target)))
    const wrong = await it.ask('PATCH', '/v1.51/containers/json')
    expect(wrong.status).toBe(404)
    expect(wrong.json['message']).toContain('page not found')
    for (const list of ['containers/json', 'images/json', 'networks', 'volumes', 'events'])
      expect(
        (await it.ask('GET', `/v1.51/${list}?filters=${encodeURIComponent('{"nosuch":["a"]}')}`)).json['message'],
        list,
      ).toBe("invalid filter 'nosuch'")
    for (const odd of ['{', '{"label":null}', '{"label":"x"}', '["label"]'])
      expect((await it.ask('GET', `/v1.51/containers/json?filters=${encodeURIComponent(odd)}`)).status, odd).toBe(400)
  })

  test('a field of the wrong kind is refused by its name', async () => {
    const json = { 'content-type': 'application/json' }
    const bodies: Record<string, [body: object, field: string]> = {
      '/networks/bridge/connect': [{ Container: 'x', EndpointConfig: { Aliases: [5] } }, 'aliases.0'],
      '/auth': [{ username: 5, password: 'p' }, 'username'],
    }
    for (const [target, [body, field]] of Object.entries(bodies)) {
      const answer = await it.ask('POST', target, JSON.stringify(body), json)
      expect({ target, status: answer.status }).toEqual({ target, status: 400 })
      expect(answer.json['message']).toContain(field)
    }
  })

  test('what is not implemented here says so to an upgrade too', async () => {
    const answer = await new Promise<string>((resolve) => {
      const socket = net.connect(socketPath())
      socket.on('data', (chunk) => resolve(chunk.toString()))
      socket.write('POST /session HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
    })
    expect(answer).toMatch(/^HTTP\/1\.1 501 /)
    expect(answer).toContain('BuildKit')
  })

  test('a connection that is taken over has its body by length or in chunks, and input right behind it', async () => {
    await it.ok('run', '-d', '--name', 'taken', '--network', 'none', 'test/box:1', 'sleep', '600')
    const body = JSON.stringify({ Cmd: ['cat'], AttachStdin: true, AttachStdout: true })
    const upgrade = 'Host: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\n'
    for (const framed of [
      'Content-Length: 13\r\n\r\n{"Tty":false}',
      'Transfer-Encoding: chunked\r\n\r\n6\r\n{"Tty"\r\n7\r\n:false}\r\n0\r\n\r\n',
    ]) {
      const { json } = await it.ask('POST', '/containers/taken/exec', body, { 'content-type': 'application/json' })
      const answer = await new Promise<string>((resolve) => {
        const socket = net.connect({ path: socketPath(), allowHalfOpen: true })
        let text = ''
        socket.on('data', (chunk) => {
          text += chunk.toString('latin1')
        })
        socket.on('end', () => resolve(text))
        socket.end(`POST /exec/${json['Id']}/start HTTP/1.1\r\n${upgrade}${framed}typed at once`)
      })
      expect(answer).toMatch(/^HTTP\/1\.1 101 UPGRADED/)
      expect(answer.endsWith('typed at once')).toBe(true)
    }
    await it.ok('rm', '-f', 'taken')
  })

  test('what a client changes is told to all within a moment', async () => {
    const told = new AbortController()
    const seen = new Map<string, number>()
    const listening = (async () => {
      for await (const { type, action, id } of it.engine.engine.services.system.events(told.signal))
        if (type === 'volume' && action === 'create') seen.set(id, performance.now())
    })()
    const delays: number[] = []
    for (let round = 0; round < 20; round += 1) {
      const name = `told-${round}`
      const begun = performance.now()
      await it.ask('POST', '/volumes/create', JSON.stringify({ Name: name }), { 'content-type': 'application/json' })
      await waitUntil(() => seen.has(name), `the event of ${name}`)
      delays.push((seen.get(name) ?? Number.POSITIVE_INFINITY) - begun)
      await it.ok('volume', 'rm', name)
    }
    told.abort()
    await listening
    // One that waits for the disk may be late; most are not.
    expect(delays.toSorted((a, b) => a - b)[10]).toBeLessThan(200)
  })

  test(`${CLIENTS} clients of each kind that vanish leave nothing behind`, async () => {
    await it.ok(
      'run',
      '-d',
      '--name',
      'busy',
      '--network',
      'none',
      'test/box:1',
      'sh',
      '-c',
      'dd if=/dev/zero of=/big bs=1M count=8 2>/dev/null; i=0; while true; do echo line $i; i=$((i+1)); sleep 0.05; done',
    )
    await it.ok('create', '--name', 'idle', '--network', 'none', 'test/box:1', 'true')
    await waitUntil(
      async () => (await it.ok('exec', 'busy', 'stat', '-c', '%s', '/big').catch(() => '')).trim() === String(8 << 20),
    )
    const upgrade = 'Connection: Upgrade\r\nUpgrade: tcp\r\n'
    const kinds: Record<string, string> = {
      attach: `POST /containers/busy/attach?stream=1&stdout=1&stdin=1 HTTP/1.1\r\nHost: d\r\n${upgrade}\r\n`,
      'attach to come': `POST /containers/idle/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n${upgrade}\r\n`,
      'attach without an upgrade': 'POST /containers/busy/attach?stream=1&stdout=1 HTTP/1.1\r\nHost: d\r\n\r\n',
      logs: 'GET /containers/busy/logs?stdout=1&follow=1 HTTP/1.1\r\nHost: d\r\n\r\n',
      wait: 'POST /containers/busy/wait HTTP/1.1\r\nHost: d\r\n\r\n',
      events: 'GET /events HTTP/1.1\r\nHost: d\r\n\r\n',
      cp: 'GET /containers/busy/archive?path=/big HTTP/1.1\r\nHost: d\r\n\r\n',
    }
    const keeper = Number(fs.readFileSync(path.join(it.engine.config.runtimeDir, 'keeper.pid'), 'utf8'))
    const count = (pid: number | 'self') => fs.readdirSync(`/proc/${pid}/fd`).length
    const vanish = (request: string) =>
      new Promise<void>((resolve) => {
        const socket = net.connect(socketPath(), () => socket.write(request))
        socket.once('data', () => socket.destroy())
        socket.on('error', () => {})
        socket.on('close', () => resolve())
      })
    // Each copy has a process of its own while it runs: a few at once, and a moment for the last ones to be free again.
    const round = async (request: string, clients: number) => {
      const isCopy = request.includes('/archive')
      const atOnce = isCopy ? 4 : AT_ONCE
      for (let done = 0; done < clients; done += atOnce) {
        await Promise.all(Array.from({ length: atOnce }, () => vanish(request)))
        if (isCopy) await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    // The first of each kind starts what stays: workers, caches, modules.
    for (const request of Object.values(kinds)) await round(request, AT_ONCE)
    for (const [kind, request] of Object.entries(kinds)) {
      const settled = async () => {
        let last = -1
        await waitUntil(async () => {
          const now = count('self') + count(keeper)
          const isSame = now === last
          last = now
          await new Promise((resolve) => setTimeout(resolve, 200))
          return isSame
        }, `an end of what ${kind} opens`)
        return last
      }
      const before = await settled()
      await round(request, CLIENTS)
      await waitUntil(() => count('self') + count(keeper) <= before + 3, `descriptors as before ${kind}`)
      expect(await it.ok('inspect', '-f', `after ${kind} {{.State.Status}}`, 'busy')).toBe(`after ${kind} running\n`)
    }
    await isAlive()
    expect(await it.ok('logs', '--tail', '1', 'busy')).toMatch(/^line \d+\n$/)
    await it.ok('rm', '-f', 'busy', 'idle')
  }, 300_000)
})
