import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { busyboxArchive, dockerOn, hasDocker, type Outcome } from './docker.ts'
import { createEtcd, hasEtcd } from './etcd.ts'

const run = promisify(execFile)
const STORE = '10.231.0.1'
const ADDRESSES = { a: '10.231.0.11', b: '10.231.0.12' }
const APPLETS = 'sh cat echo sleep ping wget httpd nslookup wc true'.split(' ')

/** What the cluster's tests need of the machine, or why they cannot run here. */
export const clusterLack =
  process.getuid?.() !== 0
    ? 'network namespaces on one underlay need root'
    : [
        ['docker', hasDocker],
        ['etcd', hasEtcd],
      ]
        .flatMap(([tool, isHere]) => (isHere ? [] : [tool]))
        .join(' and ')

/** A machine of its own, as far as the network goes: an engine in a namespace with an address on the underlay. */
export interface ClusterHost {
  readonly address: string
  /** argv in front of a command that shall run in its namespace. */
  readonly inside: readonly string[]
  readonly log: () => string
  start(): Promise<void>
  /** Kills the engine, and with `isWhole` the keeper too; containers run on. */
  kill(isWhole: boolean): Promise<void>
  docker(...args: string[]): Promise<Outcome>
  /** Demands that it works; answers with what it prints, trimmed. */
  ok(...args: string[]): Promise<string>
}

/** Two engines and an etcd, each in a namespace, on one underlay. */
export interface ClusterTest {
  readonly hosts: readonly [ClusterHost, ClusterHost]
  /** argv in front of a command that shall run in the store's namespace, where `to-a` and `to-b` lead to the hosts. */
  readonly fabric: readonly string[]
  readonly etcd: {
    start(): Promise<void>
    stop(): Promise<void>
    put(values: Readonly<Record<string, string>>): Promise<void>
    /** Everything that begins with one of these. */
    remove(prefixes: readonly string[]): Promise<void>
    /** Keys and values of a prefix. */
    read(prefix: string): Promise<Record<string, string>>
  }
  /** Runs a script in the store's namespace, as somebody on the underlay. */
  outside(script: string): Promise<string>
  destroy(): Promise<void>
}

/** Builds the namespaces and starts everything; the engine must have been built. What fails half-way is taken away. */
export async function startCluster({ leaseSeconds = 5 } = {}): Promise<ClusterTest> {
  const base = mkdtempSync(path.join(os.tmpdir(), 'slc-'))
  const netns = (name: string) => `slw-${path.basename(base).slice(4)}-${name}`
  const enter = (name: string) => ['nsenter', `--net=/run/netns/${netns(name)}`]
  const host = (name: keyof typeof ADDRESSES) =>
    createHost({ base: path.join(base, name), address: ADDRESSES[name], enter: enter(name), leaseSeconds })
  const hosts = [host('a'), host('b')] as const
  const etcd = createEtcd({
    folder: path.join(base, 'etcd'),
    client: `http://${STORE}:2379`,
    peer: `http://${STORE}:2380`,
    enter: enter('s'),
  })
  const script = async (text: string) => {
    const [command = '', ...args] = enter('s')
    return (await run(command, [...args, process.execPath, '--input-type=module', '-e', text])).stdout
  }
  const destroy = async () => {
    const ends = await Promise.allSettled(hosts.map((one) => one.end()))
    ends.push(...(await Promise.allSettled([etcd.stop()])))
    for (const name of ['s', 'a', 'b']) spawnSync('ip', ['netns', 'delete', netns(name)])
    rmSync(base, { recursive: true, force: true })
    for (const one of ends) if (one.status === 'rejected') throw one.reason
  }
  try {
    layUnderlay(netns, enter)
    const archive = path.join(base, 'box.tar')
    writeFileSync(archive, await busyboxArchive(['test/box:1'], { applets: APPLETS }))
    await etcd.start()
    await Promise.all(hosts.map((one) => one.start()))
    await Promise.all(hosts.map((one) => one.ok('load', '--input', archive)))
  } catch (error) {
    await destroy().catch(() => {})
    throw error
  }
  return { hosts, fabric: enter('s'), etcd: { ...etcd, ...storeCalls(script) }, outside: script, destroy }
}

/** The namespaces of store and hosts, on one bridge. */
function layUnderlay(netns: (name: string) => string, enter: (name: string) => readonly string[]): void {
  for (const name of ['s', 'a', 'b']) execFileSync('ip', ['netns', 'add', netns(name)])
  const inside = (name: string, text: string) => {
    const [command = '', ...args] = enter(name)
    execFileSync(command, [...args, 'ip', '-batch', '-'], { input: text })
  }
  inside('s', `link set lo up\nlink add fabric type bridge\naddr add ${STORE}/24 dev fabric\nlink set fabric up\n`)
  for (const [name, address] of Object.entries(ADDRESSES)) {
    inside(
      's',
      `link add to-${name} type veth peer name under0 netns ${netns(name)}\nlink set to-${name} master fabric\n`,
    )
    inside('s', `link set to-${name} up\n`)
    inside(
      name,
      `link set lo up\naddr add ${address}/24 dev under0\nlink set under0 up\nroute add default via ${STORE}\n`,
    )
  }
}

interface HostOptions {
  readonly base: string
  readonly address: string
  readonly enter: readonly string[]
  readonly leaseSeconds: number
}

function createHost({ base, address, enter, leaseSeconds }: HostOptions) {
  const socket = path.join(base, 'run/docker.sock')
  const folders = ['--root', path.join(base, 'root'), '--runtime-dir', path.join(base, 'run'), '--socket', socket]
  const [command = '', ...args] = [...enter, process.execPath, path.resolve('out/main/engine.js'), ...folders]
  const env = {
    ...process.env,
    XDG_RUNTIME_DIR: '',
    DOCKER_CONFIG: path.join(base, 'docker'),
    SLIPWAY_CLUSTER_LEASE_SECONDS: String(leaseSeconds),
    SLIPWAY_CLUSTER_STORE: `http://${STORE}:2379`,
    SLIPWAY_CLUSTER_ADVERTISE: address,
  }
  let engine: ChildProcess | undefined
  let log = ''
  mkdirSync(base, { recursive: true })
  const docker = (...asked: string[]) => dockerOn(socket)(asked)
  const kill = async (isWhole: boolean) => {
    const pidFile = path.join(base, 'run/keeper.pid')
    if (isWhole && existsSync(pidFile)) process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL')
    if (!engine || engine.exitCode !== null || engine.signalCode !== null) return
    engine.kill('SIGKILL')
    await once(engine, 'exit')
  }
  return {
    address,
    inside: enter,
    log: () => log,
    async start() {
      const started = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
      engine = started
      started.stderr.on('data', (chunk) => {
        log += chunk
      })
      const [line] = await Promise.race([
        once(started.stdout, 'data'),
        once(started, 'exit').then(() => Promise.reject(new Error(`the engine did not start:\n${log}`))),
      ])
      if (!String(line).includes('"ready":true')) throw new Error(String(line))
    },
    kill,
    docker,
    async ok(...asked: string[]) {
      const { code, stdout, stderr } = await docker(...asked)
      if (code !== 0) throw new Error(`docker ${asked.join(' ')}: ${code}\n${stderr}\n${log}`)
      return stdout.trim()
    },
    /** Also where nothing was started. */
    async end() {
      if (!existsSync(path.join(base, 'run'))) return
      const list = await docker('ps', '-aq')
      const ids = list.stdout.split('\n').filter(Boolean)
      if (ids.length > 0) await docker('rm', '-f', ...ids)
      await docker('rmi', '-f', 'test/box:1')
      await kill(false)
      await run(command, [...args, '--shutdown'], { env }).catch((error: unknown) => {
        log += String(error)
      })
    },
  }
}

/** Calls of etcd's JSON gateway, as a stranger who writes into the store. */
function storeCalls(script: ClusterTest['outside']) {
  const ask = async (calls: readonly (readonly [string, object])[]) => {
    const text = await script(`
      for (const [path, body] of ${JSON.stringify(calls)}) {
        const answer = await fetch('http://${STORE}:2379/v3/kv/' + path, { method: 'POST', body: JSON.stringify(body) })
        console.log(JSON.stringify(await answer.json()))
      }`)
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { kvs?: { key: string; value?: string }[] })
  }
  const encode = (value: string) => Buffer.from(value).toString('base64')
  const decode = (value = '') => Buffer.from(value, 'base64').toString()
  const range = (prefix: string) => ({
    key: encode(prefix),
    range_end: encode(prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)),
  })
  return {
    put: async (values: Readonly<Record<string, string>>) => {
      await ask(
        Object.entries(values).map(([key, value]) => ['put', { key: encode(key), value: encode(value) }] as const),
      )
    },
    remove: async (prefixes: readonly string[]) => {
      await ask(prefixes.map((prefix) => ['deleterange', range(prefix)] as const))
    },
    read: async (prefix: string) => {
      const [answer] = await ask([['range', range(prefix)]])
      return Object.fromEntries((answer?.kvs ?? []).map(({ key, value }) => [decode(key), decode(value)]))
    },
  }
}
