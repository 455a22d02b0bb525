import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { busyboxArchive, hasDocker } from '../helpers/docker.ts'
import { enterNetworkOf, runInside } from '../helpers/inside.ts'
import { askApi } from '../helpers/survival/api.ts'
import { type Headless, startHeadless } from './lib/headless.ts'
import { machine, median, noteLimit, table } from './lib/measure.ts'
import { compare, type Side, sidesOf, taken } from './lib/sides.ts'
import { startDockerd, type Yardstick } from './lib/yardsticks.ts'

const IMAGE = 'bench/box:1'
const BYTES = '4G'
const ROUNDS = 5
const NETWORKS = 300
/** Of ten thousand, as many as two descriptors each leave room for in the keeper. */
const CONNECTIONS = Math.min(10_000, Math.floor((hardLimit() - 1000) / 2))
/** Of docker's proxy, in the inner network. */
const PROXY_PORT = 29001
const QUESTIONS_A_SECOND = 20_000
const exec = promisify(execFile)
const mode = process.getuid?.() === 0 ? 'rootful' : 'rootless'
const has = (tool: string) =>
  spawnSync('which', [tool], { env: { PATH: `${process.env['PATH']}:/usr/sbin` } }).status === 0
const why = hasDocker && has('iperf3') ? '' : 'it needs docker and iperf3'

/** A container with port 9000 published on loopback. */
interface Box {
  readonly pid: number
  readonly address: string
  readonly port: number
}
/** Where a client goes to reach a server of its own. */
interface Way {
  readonly name: string
  readonly server: (argv: readonly string[]) => readonly string[]
  readonly client: (argv: readonly string[]) => readonly string[]
  readonly host: string
  readonly port: number
}

describe.skipIf(why !== '')(`networks, ${mode}`, () => {
  let engine: Headless
  let dockerd: Yardstick | null = null
  let work: string
  let sides: Side[]
  const ours = () => sides[0] as Side

  beforeAll(async () => {
    work = mkdtempSync('/tmp/slb-net-')
    const archive = path.join(work, 'box.tar')
    writeFileSync(archive, await busyboxArchive([IMAGE], { applets: ['sh', 'true', 'sleep'] }))
    engine = await startHeadless()
    dockerd = await startDockerd()
    sides = sidesOf(engine, dockerd)
    for (const { docker } of sides) await docker('load', '--input', archive)
  }, 120_000)
  afterAll(async () => {
    for (const { docker } of sides ?? []) {
      const ids = await docker('ps', '-aq')
      if (ids) await docker('rm', '-f', ...ids.split('\n'))
    }
    await dockerd?.stop()
    await engine?.stop()
    if (work) rmSync(work, { recursive: true, force: true })
    process.stdout.write(`\n${machine()}, ${mode}\n\n${table()}\n`)
  }, 120_000)

  const startBox = async ({ docker }: Side, name: string): Promise<Box> => {
    await docker('run', '-d', '--name', name, '-p', '127.0.0.1::9000', IMAGE, 'sleep', '10000')
    const format =
      '{{.State.Pid}} {{.NetworkSettings.IPAddress}} {{(index (index .NetworkSettings.Ports "9000/tcp") 0).HostPort}}'
    const [pid = '', address = '', port = ''] = (await docker('inspect', '-f', format, name)).split(' ')
    return { pid: Number(pid), address, port: Number(port) }
  }
  const inNetworkOf = (pid: number) => (argv: readonly string[]) => [...enterNetworkOf(pid, mode), ...argv]

  test('bytes through a published port and between containers, and connections', async () => {
    const boxes = await Promise.all(
      sides.map(async (side) => [await startBox(side, 'left'), await startBox(side, 'right')]),
    )
    const published = boxes.map(
      ([a], index): Way => ({
        name: sides[index]?.name ?? '',
        server: inNetworkOf(a?.pid ?? 0),
        client: here,
        host: '127.0.0.1',
        port: a?.port ?? 0,
      }),
    )
    const proxy = mode === 'rootless' ? await startDockerProxy(boxes[0]?.[0] as Box) : null
    const ways = proxy ? [...published, proxy.way] : published
    await compare(
      `${BYTES}iB through a published port on loopback`,
      ways,
      { goal: mode === 'rootful' ? 1 / 1.2 : 1, runs: ROUNDS },
      sendBytes,
    )
    const between = boxes.map(
      ([a, b], index): Way => ({
        name: sides[index]?.name ?? '',
        server: inNetworkOf(a?.pid ?? 0),
        client: inNetworkOf(b?.pid ?? 0),
        host: a?.address ?? '',
        port: 9000,
      }),
    )
    if (mode === 'rootful')
      await compare(`${BYTES}iB from container to container`, between, { goal: 1.05, runs: ROUNDS }, sendBytes)
    await compare('connect and first byte through a published port, p50', ways, { goal: 1, runs: ROUNDS }, connectTime)
    await proxy?.stop()
  }, 600_000)

  test('a hundred ports are published on one container', async () => {
    const what = '100 ports published: start of their container'
    const median100 = await compare(what, sides, { goal: 0.5, runs: ROUNDS }, async ({ docker }) => {
      await docker('create', '--name', 'many', '-p', '127.0.0.1:21000-21099:21000-21099', IMAGE, 'sleep', '1000')
      const milliseconds = await taken(() => docker('start', 'many'))
      await docker('rm', '-f', 'many')
      return milliseconds
    })
    noteLimit(what, median100, 'ms', 1000)
  }, 600_000)

  test('hundreds of networks come and go', async () => {
    const must = async (method: string, url: string, body?: object) => {
      const { status } = await askApi(engine.socket, method, url, body)
      if (status >= 300) throw new Error(`${method} ${url}: ${status}`)
    }
    const milliseconds = await taken(async () => {
      for (let index = 0; index < NETWORKS; index += 1) await must('POST', '/networks/create', { Name: `n${index}` })
      for (let index = 0; index < NETWORKS; index += 1) await must('DELETE', `/networks/n${index}`)
    })
    noteLimit(`${NETWORKS} networks created and removed`, milliseconds / 1000, 's', 30)
    expect((await ours().docker('network', 'ls', '-q')).split('\n')).toHaveLength(3)
  }, 300_000)

  test('the embedded DNS answers', async () => {
    const { docker } = ours()
    await docker('network', 'create', 'names')
    await docker('run', '-d', '--name', 'dns', '--network', 'names', IMAGE, 'sleep', '1000')
    const pid = Number(await docker('inspect', '-f', '{{.State.Pid}}', 'dns'))
    const rates: number[] = []
    for (let round = 0; round < 3; round += 1) {
      const asking = runInside(pid, mode, ASKER)
      rates.push(Number(await asking.line()))
      await asking.end()
    }
    noteLimit(
      'a DNS question to the embedded server, 64 at a time',
      1e6 / median(rates),
      'µs',
      1e6 / QUESTIONS_A_SECOND,
    )
    expect(median(rates)).toBeGreaterThan(0)
  }, 120_000)

  test(`${CONNECTIONS} connections stay open through the proxy`, async () => {
    const { docker } = ours()
    // The kernel cannot lead ::1 into a container: this is the proxy's own way in both modes.
    await docker('run', '-d', '--name', 'crowd', '-p', '[::1]::9000', IMAGE, 'sleep', '1000')
    const pid = Number(await docker('inspect', '-f', '{{.State.Pid}}', 'crowd'))
    const server = runInside(pid, mode, GREETER)
    await server.line()
    const port = (await docker('port', 'crowd')).split(':').at(-1) ?? ''
    const before = engine.memory()
    const crowd = spawn(process.execPath, ['-e', CROWD, port, String(CONNECTIONS)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    try {
      const [said] = (await once(crowd.stdout, 'data')) as [Buffer]
      expect(String(said).trim()).toBe(String(CONNECTIONS))
      noteLimit(
        `engine and keeper grow by ${CONNECTIONS} connections of the proxy`,
        engine.memory() - before,
        'MiB',
        50,
      )
    } finally {
      crowd.kill('SIGKILL')
      await once(crowd, 'exit')
      await server.end()
    }
  }, 120_000)

  /**
   * docker's own proxy in front of the same container, as rootless dockerd runs it: in the inner network, which nothing
   * reaches from outside. So its client is in there too.
   */
  async function startDockerProxy({ pid, address }: Box) {
    const [command = '', ...argv] = inInnerNetwork([
      '/usr/sbin/docker-proxy',
      ...['-proto', 'tcp', '-host-ip', '127.0.0.1', '-host-port', String(PROXY_PORT)],
      ...['-container-ip', address, '-container-port', '9000'],
    ])
    const proxy = spawn(command, argv, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
    await once(proxy.stdio[3] as NodeJS.ReadableStream, 'data')
    const way: Way = {
      name: 'docker-proxy',
      server: inNetworkOf(pid),
      client: inInnerNetwork,
      host: '127.0.0.1',
      port: PROXY_PORT,
    }
    return { way, stop: () => void proxy.kill() }
  }
  const inInnerNetwork = (argv: readonly string[]) => [
    ...['nsenter', '--user', '--preserve-credentials', '--mount', `--target=${engine.keeperPid}`, '--'],
    ...['nsenter', `--net=${path.join(engine.runtimeDir, 'keeper', 'inner-netns')}`, '--'],
    ...argv,
  ]
})

function hardLimit(): number {
  const text = /^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return text ? Number(text) : Number.POSITIVE_INFINITY
}
const here = (argv: readonly string[]) => argv

/** Milliseconds for so many bytes. */
async function sendBytes(way: Way): Promise<number> {
  const [command = '', ...args] = way.server(['iperf3', '-s', '-1', '--forceflush', '-p', '9000'])
  const serving = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(serving, 'exit')
  await once(serving.stdout, 'data')
  const [client = '', ...rest] = way.client(['iperf3', '-c', way.host, '-p', String(way.port), '-n', BYTES, '-J'])
  const { stdout } = await exec(client, rest, { maxBuffer: 2 ** 24 })
  await ended
  return (JSON.parse(stdout) as { end: { sum_received: { seconds: number } } }).end.sum_received.seconds * 1000
}

/** The middle of the times to a first byte, in milliseconds. */
async function connectTime(way: Way): Promise<number> {
  const [command = '', ...args] = way.server([process.execPath, '-e', GREETER])
  const serving = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await once(serving.stdout, 'data')
    const [client = '', ...rest] = way.client([process.execPath, '-e', CONNECTOR, String(way.port)])
    const { stdout } = await exec(client, rest)
    return Number(stdout)
  } finally {
    serving.kill('SIGKILL')
    await once(serving, 'exit')
  }
}

const GREETER = `require('net').createServer((s) => { s.on('error', () => {}); s.write('hi') })
  .listen({ port: 9000, host: '0.0.0.0', backlog: 4096 }, () => console.log('ready'))`
const CONNECTOR = `const net = require('net'); const port = Number(process.argv[1]); const times = []
const one = () => new Promise((resolve, reject) => { const at = performance.now(); const s = net.connect(port, '127.0.0.1')
  s.once('data', () => { times.push(performance.now() - at); s.destroy(); resolve() }); s.on('error', reject) })
void (async () => { for (let i = 0; i < 600; i++) await one(); times.splice(0, 100); times.sort((a, b) => a - b); console.log(times[250]) })()`
const CROWD = `const net = require('net'); const [port, count] = process.argv.slice(1).map(Number); let open = 0, made = 0
const more = () => { if (made >= count) return; made++
  const s = net.connect(port, '::1'); s.once('data', () => { open++; if (open === count) console.log(open); more() })
  s.on('error', (e) => { console.log(String(e), open); process.exit(1) }) }
for (let i = 0; i < 64; i++) more()
process.stdin.resume()`
const ASKER = `const dgram = require('dgram'); const s = dgram.createSocket('udp4'); let got = 0, id = 0
const name = Buffer.concat([Buffer.from([3]), Buffer.from('dns'), Buffer.from([0, 0, 1, 0, 1])])
const ask = () => { const head = Buffer.alloc(12); head.writeUInt16BE(id++ & 0xffff); head[2] = 1; head[5] = 1; s.send(Buffer.concat([head, name])) }
s.on('message', (m) => { if (m[7] > 0) got++; ask() })
s.connect(53, '127.0.0.11', () => { for (let i = 0; i < 64; i++) ask()
  setTimeout(() => { got = 0; setTimeout(() => (console.log(got / 2), process.exit()), 2000) }, 500) })`
