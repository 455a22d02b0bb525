import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { busyboxArchive, dockerOn } from './docker.ts'

/** The image that its containers are made from. */
export const IMAGE = 'test/box:1'
/** The machine as `others` knows it. */
export const MACHINE = '10.231.0.1'
/** The host outside, which is the machine's way to everywhere. */
export const OUTSIDE = '10.231.0.2'

/*
 * A machine (a namespace) with an engine of root's, and a host outside:
 *
 *   machine  up0 10.231.0.1 ── up1 10.231.0.2  others
 */
export interface EngineMachine {
  /** The test's own folder. */
  readonly folder: string
  readonly docker: ReturnType<typeof dockerOn>
  /** Makes a further namespace. */
  addHost(name: string): void
  /** A namespace's whole name, by which other machines' are told apart. */
  netns(name: string): string
  /** Runs a command in a namespace; answers with what it prints, and throws when it fails. */
  inside(name: string, ...argv: readonly string[]): string
  /** `ip` in a namespace, with words that are parted by spaces. */
  ip(name: string, line: string): void
  /** Starts a command in a namespace. It ends with the machine. */
  spawn(name: string, argv: readonly string[]): ChildProcess
  /** Answers every TCP connection in a namespace with the value of an expression, which sees `socket`. */
  serve(name: string, port: number, expression: string): Promise<void>
  /** What a namespace is answered over TCP; nothing when it is not connected within two seconds. */
  ask(name: string, address: string, port: number): string
  startEngine(): Promise<void>
  /** Runs `client` (with flags of its own) and `web`, which says `inside` at port 80, published as 8080, on a network `shop`. */
  startShop(clientFlags?: readonly string[]): Promise<void>
  /** Ends the engine with its keeper and its containers. */
  stopEngine(): Promise<void>
  destroy(): Promise<void>
}

/** Makes the machine and starts its engine, which must have been built. All that runs there has `env` beside this process's. */
export async function startEngineMachine(options: {
  readonly applets: readonly string[]
  readonly env?: (folder: string) => Readonly<Record<string, string>>
}): Promise<EngineMachine> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slf-'))
  const netns = (name: string) => `slw-${path.basename(folder).slice(4)}-${name}`
  const within = (name: string) => [`--net=/run/netns/${netns(name)}`, '--']
  const env = { ...process.env, ...options.env?.(folder) }
  const names: string[] = []
  const children: ChildProcess[] = []
  let engine: ChildProcess | undefined
  const docker = dockerOn(path.join(folder, 'run/docker.sock'))
  const inside: EngineMachine['inside'] = (name, ...argv) =>
    execFileSync('nsenter', [...within(name), ...argv], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env })
  const ip: EngineMachine['ip'] = (name, line) => void inside(name, 'ip', ...line.split(' '))
  const machine: EngineMachine = {
    folder,
    docker,
    addHost(name) {
      execFileSync('ip', ['netns', 'add', netns(name)])
      names.push(name)
      ip(name, 'link set lo up')
    },
    netns,
    inside,
    ip,
    spawn(name, [command = '', ...args]) {
      const child = spawn('nsenter', [...within(name), command, ...args], { stdio: ['ignore', 'pipe', 'inherit'], env })
      children.push(child)
      return child
    },
    async serve(name, port, expression) {
      const answer = `(socket) => socket.end(${expression} + '\\n')`
      const script = `require('net').createServer(${answer}).listen(${port}, () => console.log('up'))`
      const { stdout } = machine.spawn(name, [process.execPath, '-e', script])
      if (stdout) await once(stdout, 'data')
    },
    ask(name, address, port) {
      const to = `{ host: '${address}', port: ${port} }`
      const script = `const socket = require('net').connect(${to}).on('data', (data) => process.stdout.write(data));
        socket.on('error', () => {}).setTimeout(2000, () => socket.destroy())`
      return inside(name, process.execPath, '-e', script).trim()
    },
    async startEngine() {
      const paths = ['root', 'run', 'run/docker.sock'].map((name) => path.join(folder, name))
      const flags = ['--root', '--runtime-dir', '--socket'].flatMap((flag, index) => [flag, paths[index] ?? ''])
      engine = machine.spawn('machine', [
        process.execPath,
        path.resolve('out/main/engine.js'),
        ...flags,
        '--stop-containers',
      ])
      if (!engine.stdout) throw new Error('the engine has no output')
      const ended = once(engine, 'exit').then(() => Promise.reject(new Error('the engine did not start')))
      ended.catch(() => {})
      await Promise.race([once(engine.stdout, 'data'), ended])
    },
    async startShop(clientFlags = []) {
      const run = ['run', '-d', '--stop-timeout', '0', '--network', 'shop']
      const serve = 'while true; do echo inside | nc -l -p 80; done'
      for (const argv of [
        ['network', 'create', 'shop'],
        [...run, '--name', 'client', ...clientFlags, IMAGE, 'sleep', '600'],
        [...run, '--name', 'web', '-p', '8080:80', IMAGE, 'sh', '-c', serve],
      ]) {
        const { code, stderr } = await docker(argv)
        if (code !== 0) throw new Error(`docker ${argv.join(' ')}: ${stderr}`)
      }
    },
    async stopEngine() {
      const ended = engine && engine.exitCode === null && engine.signalCode === null && once(engine, 'exit')
      engine?.kill('SIGTERM')
      await ended
    },
    async destroy() {
      await machine.stopEngine()
      for (const child of children) child.kill()
      for (const name of names) execFileSync('ip', ['netns', 'delete', netns(name)])
      rmSync(folder, { recursive: true, force: true })
    },
  }
  try {
    for (const name of ['machine', 'others']) machine.addHost(name)
    ip('machine', `link add up0 type veth peer name up1 netns ${netns('others')}`)
    ip('machine', `addr add ${MACHINE}/24 dev up0`)
    ip('others', `addr add ${OUTSIDE}/24 dev up1`)
    ip('machine', 'link set up0 up')
    ip('others', 'link set up1 up')
    ip('machine', `route add default via ${OUTSIDE}`)
    await machine.startEngine()
    const loaded = await docker(['load'], await busyboxArchive([IMAGE], { applets: options.applets }))
    if (loaded.code !== 0) throw new Error(loaded.stderr)
    return machine
  } catch (error) {
    await machine.destroy()
    throw error
  }
}
