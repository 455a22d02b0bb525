import { createHash } from 'node:crypto'
import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import net from 'node:net'
import path from 'node:path'
import v8 from 'node:v8'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasDocker } from '../helpers/docker.ts'
import { type DockerTest, startDocker } from '../helpers/docker-test.ts'
import { waitUntil } from '../helpers/engine.ts'

const CLIENTS = 1000
/** Of those that cost a process each. */
const COSTLY_CLIENTS = 200
/** What may be there more than before: caches that fill, timers of the test's own. One a client would be more. */
const SLACK = 100
const UPGRADE = 'Connection: Upgrade\r\nUpgrade: tcp\r\n'
const HOST = 'Host: d\r\n'

/** Clients of one kind: what they say, and when they are gone. */
interface Kind {
  readonly say: string | (() => Promise<string>)
  /** Gone so long after they have said it, for those that are told nothing; the others once they are told something. */
  readonly afterMs?: number
  /** Those that have a process of their own in the keeper or a container are few at a time. */
  readonly atOnce: number
  readonly clients?: number
}

describe.skipIf(!hasDocker)('clients that vanish', () => {
  let it: DockerTest
  let registry: http.Server

  beforeAll(async () => {
    it = await startDocker()
    registry = hangingRegistry()
    await once(registry.listen(0, '127.0.0.1'), 'listening')
    const script =
      'dd if=/dev/zero of=/big bs=1M count=8 2>/dev/null; i=0; while true; do echo line $i; i=$((i+1)); sleep 0.05; done'
    await it.ok('run', '-d', '--name', 'busy', '--network', 'none', 'test/box:1', 'sh', '-c', script)
    await it.ok('create', '--name', 'idle', '--network', 'none', 'test/box:1', 'true')
    await waitUntil(
      async () => (await it.ok('exec', 'busy', 'stat', '-c', '%s', '/big').catch(() => '')).trim() === String(8 << 20),
    )
  })
  afterAll(async () => {
    await it?.engine.destroy()
    registry?.closeAllConnections()
    registry?.close()
  })

  const get = (target: string, lines = ''): string => `GET ${target} HTTP/1.1\r\n${HOST}${lines}\r\n`
  const post = (target: string, lines = ''): string => `POST ${target} HTTP/1.1\r\n${HOST}${lines}\r\n`
  const kinds: Record<string, Kind> = {
    stats: { say: get('/containers/busy/stats'), atOnce: 50 },
    'copies out': { say: get('/containers/busy/archive?path=/big'), atOnce: 4 },
    'copies in': {
      say: `PUT /containers/busy/archive?path=/tmp HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n200\r\n${'\0'.repeat(100)}`,
      // In the midst of the copy: its worker has begun.
      afterMs: 150,
      atOnce: 4,
      clients: COSTLY_CLIENTS,
    },
    pull: {
      say: async () =>
        post(`/images/create?fromImage=127.0.0.1:${(registry.address() as net.AddressInfo).port}/x&tag=1`),
      atOnce: 20,
    },
    exec: { say: newExec, atOnce: 4, clients: COSTLY_CLIENTS },
  }

  /** An exec that says a word at once and ends a little later. */
  async function newExec(): Promise<string> {
    const asked = { Cmd: ['sh', '-c', 'echo word; sleep 0.1'], AttachStdin: true, AttachStdout: true }
    const type = { 'content-type': 'application/json' }
    const { json } = await it.ask('POST', '/containers/busy/exec', JSON.stringify(asked), type)
    const body = '{"Tty":false}'
    const lines = `${UPGRADE}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`
    return `${post(`/exec/${json['Id']}/start`, lines)}${body}`
  }

  const vanish = async ({ say, afterMs }: Kind) => {
    const words = typeof say === 'string' ? say : await say()
    await new Promise<void>((resolve) => {
      const socket = net.connect(it.engine.config.socket, () => {
        socket.write(words)
        if (afterMs !== undefined) setTimeout(() => socket.destroy(), afterMs)
      })
      socket.once('data', () => socket.destroy())
      socket.on('error', () => {})
      socket.on('close', () => resolve())
    })
  }
  const round = async (kind: Kind, clients: number) => {
    for (let done = 0; done < clients; done += kind.atOnce) {
      await Promise.all(Array.from({ length: kind.atOnce }, () => vanish(kind)))
      // A moment for the processes of the last ones to be free again.
      if (kind.atOnce < 50) await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  /** Descriptors of the engine, which is this process, and of the keeper. */
  const descriptors = () => {
    const keeper = fs.readFileSync(path.join(it.engine.config.runtimeDir, 'keeper.pid'), 'utf8').trim()
    return ['self', keeper].reduce((sum, pid) => sum + fs.readdirSync(`/proc/${pid}/fd`).length, 0)
  }
  /** Promises and signals that something still holds: what can be collected is before they are counted. */
  const held = () => ({ promises: count(Promise), signals: count(AbortSignal) })
  /** Once nothing more is opened or closed. */
  const settled = async (what: string) => {
    let last = -1
    await waitUntil(
      async () => {
        const now = descriptors()
        const isSame = now === last
        last = now
        await new Promise((resolve) => setTimeout(resolve, 300))
        return isSame
      },
      `an end of what ${what} opens`,
      30_000,
    )
    return { ...held(), descriptors: last }
  }

  test('the measure tells a promise that nobody ends from one that is over', async () => {
    const before = held().promises
    const kept = Array.from({ length: CLIENTS }, () => new Promise(() => {}))
    expect(held().promises - before).toBeGreaterThanOrEqual(CLIENTS)
    kept.length = 0
    for (let n = 0; n < CLIENTS; n += 1) await Promise.resolve(n)
    expect(held().promises - before).toBeLessThan(SLACK)
  })

  test.each(Object.keys(kinds))(
    'those of %s leave no descriptor, promise or signal behind',
    async (name) => {
      const kind = kinds[name] as Kind
      // The first ones start what stays: workers, caches, modules.
      await round(kind, 2 * kind.atOnce)
      const before = await settled(name)
      await round(kind, kind.clients ?? CLIENTS)
      await waitUntil(() => descriptors() <= before.descriptors + 3, `descriptors as before ${name}`, 30_000)
      const isLeft = () => {
        const now = held()
        return (['promises', 'signals'] as const).filter((what) => now[what] > before[what] + SLACK)
      }
      await waitUntil(() => isLeft().length === 0, `${isLeft().join(' and ')} as before ${name}`, 30_000)
      expect(await it.ok('inspect', '-f', `after ${name} {{.State.Status}}`, 'busy')).toBe(`after ${name} running\n`)
    },
    300_000,
  )

  test('the engine is well afterwards, and nothing half-made lies about', async () => {
    expect((await it.ask('GET', '/_ping')).text).toBe('OK')
    expect(await it.ok('logs', '--tail', '1', 'busy')).toMatch(/^line \d+\n$/)
    expect(fs.readdirSync(path.join(it.engine.config.root, 'tmp'))).toEqual([])
    const blobs = fs.readdirSync(path.join(it.engine.config.root, 'blobs/sha256'))
    expect(blobs.filter((blob) => !/^[0-9a-f]{64}$/.test(blob))).toEqual([])
    expect((await it.ok('top', 'busy')).trim().split('\n').length).toBeLessThanOrEqual(3)
    await it.ok('rm', '-f', 'busy', 'idle')
  })
})

/** How many objects of a kind there are, after a collection. */
// biome-ignore lint/suspicious/noExplicitAny: of whatever kind.
const count = (kind: abstract new (...args: any[]) => unknown): number =>
  (v8 as unknown as { queryObjects(kind: unknown, options: { format: 'count' }): number }).queryObjects(kind, {
    format: 'count',
  })

/** A registry with one image, whose layer begins to come and never does. */
function hangingRegistry(): http.Server {
  const digest = (bytes: Buffer | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  const layer = digest('a layer')
  const rootfs = { type: 'layers', diff_ids: [layer] }
  const config = JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs, history: [] })
  const type = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: type,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digest(config), size: config.length },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer, size: 1_000_000 }],
  })
  return http.createServer((request, response) => {
    const { url = '' } = request
    if (url === '/v2/') return response.end('{}')
    if (url.includes('/manifests/')) {
      response.writeHead(200, { 'content-type': type, 'docker-content-digest': digest(manifest) })
      return response.end(manifest)
    }
    if (url.endsWith(digest(config))) return response.end(config)
    if (!url.endsWith(layer)) return response.writeHead(404).end()
    response.writeHead(200, { 'content-length': 1_000_000 }).write(Buffer.alloc(1000))
  })
}
