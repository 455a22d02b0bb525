import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { busyboxArchive, dockerOn, hasDocker } from '../../helpers/docker.ts'
import { waitUntil } from '../../helpers/engine.ts'

const isRoot = process.getuid?.() === 0
const why = !isRoot
  ? 'namespaces of their own need root'
  : !hasDocker || spawnSync('iptables', ['--version']).status !== 0
    ? 'it needs docker and iptables'
    : ''
const IMAGE = 'test/box:1'
const OUTSIDE = '10.231.0.2'
const OTHERS = '10.232.0.2'

/*
 * A machine (a namespace) whose firewall is another program's, with a host outside and one behind docker0:
 *
 *   machine  up0 10.231.0.1 ── up1 10.231.0.2  others
 *            docker0 10.232.0.1 ── dk1 10.232.0.2
 */
describe.skipIf(why !== '')(`beside a firewall that drops what is forwarded${why && ` (${why})`}`, () => {
  let base = ''
  let machine = ''
  let others = ''
  let engine: ChildProcess
  let docker: ReturnType<typeof dockerOn>
  const children: ChildProcess[] = []
  const within = (name: string) => [`--net=/run/netns/${name}`, '--']
  const inside = (name: string, ...argv: string[]) =>
    execFileSync('nsenter', [...within(name), ...argv], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const ip = (name: string, line: string) => inside(name, 'ip', ...line.split(' '))
  const serve = (name: string, port: number, text: string) => {
    const script = `require('net').createServer((socket) => socket.end('${text}\\n')).listen(${port}, () => console.log('up'))`
    const child = spawn('nsenter', [...within(name), process.execPath, '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    return once(child.stdout, 'data')
  }
  const fromContainer = async (address: string) =>
    (await docker(['run', '--rm', IMAGE, 'nc', '-w', '2', address, '7000'])).stdout.trim()
  const ours = () =>
    inside(machine, 'iptables-save')
      .split('\n')
      .filter((line) => line.includes('SLIPWAY'))

  beforeAll(async () => {
    base = mkdtempSync(path.join(os.tmpdir(), 'slf-'))
    const tag = path.basename(base).slice(4)
    machine = `slw-m${tag}`
    others = `slw-o${tag}`
    for (const name of [machine, others]) execFileSync('ip', ['netns', 'add', name])
    for (const name of [machine, others]) ip(name, 'link set lo up')
    ip(machine, `link add up0 type veth peer name up1 netns ${others}`)
    ip(machine, 'link add docker0 type bridge')
    ip(machine, `link add dk0 master docker0 type veth peer name dk1 netns ${others}`)
    for (const line of ['addr add 10.231.0.1/24 dev up0', 'addr add 10.232.0.1/24 dev docker0']) ip(machine, line)
    for (const name of ['up0', 'docker0', 'dk0']) ip(machine, `link set ${name} up`)
    ip(machine, `route add default via ${OUTSIDE}`)
    for (const line of [`addr add ${OUTSIDE}/24 dev up1`, `addr add ${OTHERS}/24 dev dk1`]) ip(others, line)
    for (const name of ['up1', 'dk1']) ip(others, `link set ${name} up`)
    ip(others, 'route add default via 10.232.0.1')
    await serve(others, 7000, 'outside')
    const folders = ['--root', path.join(base, 'root'), '--runtime-dir', path.join(base, 'run')]
    const argv = [...within(machine), process.execPath, path.resolve('out/main/engine.js'), ...folders]
    engine = spawn('nsenter', [...argv, '--stop-containers'], { stdio: ['ignore', 'pipe', 'inherit'] })
    if (!engine.stdout) throw new Error('the engine has no output')
    const [line] = (await once(createInterface(engine.stdout), 'line')) as [string]
    docker = dockerOn((JSON.parse(line) as { socket: string }).socket)
    const archive = await busyboxArchive([IMAGE], { applets: ['sh', 'nc', 'sleep'] })
    expect((await docker(['load'], archive)).code).toBe(0)
  })
  afterAll(async () => {
    const ended = engine && engine.exitCode === null && once(engine, 'exit')
    engine?.kill('SIGTERM')
    await ended
    for (const child of children) child.kill()
    for (const name of [machine, others]) if (name) execFileSync('ip', ['netns', 'delete', name])
    if (base) rmSync(base, { recursive: true })
  })

  it('containers reach the outside, and nothing is written while that firewall lets things pass', async () => {
    for (const address of [OUTSIDE, OTHERS]) expect(await fromContainer(address)).toBe('outside')
    expect(ours()).toEqual([])
  })

  it('they reach it as soon as the firewall drops, each other too, and are reached at their published ports', async () => {
    inside(machine, 'iptables', '-P', 'FORWARD', 'DROP')
    await waitUntil(() => ours().length > 0, 'the chain of ours')
    expect(await fromContainer(OUTSIDE)).toBe('outside')
    const reply = ['sh', '-c', 'while true; do echo inside | nc -l -p 80; done']
    expect(await docker(['run', '-d', '--name', 'web', '-p', '8080:80', IMAGE, ...reply])).toMatchObject({ code: 0 })
    const ask = `require('net').connect(8080, '10.231.0.1').on('data', (data) => process.stdout.write(data))`
    expect(inside(others, process.execPath, '-e', ask)).toBe('inside\n')
    const { stdout: address } = await docker(['inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'web'])
    const other = await docker(['run', '--rm', IMAGE, 'nc', '-w', '2', address.trim(), '80'])
    expect(other.stdout).toBe('inside\n')
    await docker(['rm', '-f', 'web'])
  })

  it('a network that comes has its way too, and takes it along when it goes', async () => {
    expect(await docker(['network', 'create', '-o', 'com.docker.network.bridge.name=fresh0', 'fresh'])).toMatchObject({
      code: 0,
    })
    expect(ours().filter((line) => line.includes('fresh0'))).toHaveLength(2)
    expect((await docker(['run', '--rm', '--network', 'fresh', IMAGE, 'nc', '-w', '2', OUTSIDE, '7000'])).stdout).toBe(
      'outside\n',
    )
    await docker(['network', 'rm', 'fresh'])
    expect(ours().filter((line) => line.includes('fresh0'))).toEqual([])
  })

  it('the other program’s own bridges stay closed, as its rules say', async () => {
    expect(await fromContainer(OTHERS)).toBe('')
  })

  it('what was added comes back when it is flushed, and goes when it is needed no more', async () => {
    inside(machine, 'iptables', '-F', 'FORWARD')
    await waitUntil(() => ours().some((line) => line.startsWith('-A FORWARD')), 'the way to the chain of ours')
    inside(machine, 'iptables', '-P', 'FORWARD', 'ACCEPT')
    await waitUntil(() => ours().length === 0, 'a table without us')
  })

  it('nothing stays in the other’s table when the engine and its keeper end', async () => {
    inside(machine, 'iptables', '-P', 'FORWARD', 'DROP')
    await waitUntil(() => ours().length > 0, 'the chain of ours')
    const ended = once(engine, 'exit')
    engine.kill('SIGTERM')
    await ended
    await waitUntil(() => ours().length === 0, 'a table without us')
  })
})
