import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { HostEvent } from '../../../engine/host/host.ts'
import { type ContainerHost, createContainerHost } from '../../../engine/keeper/containers/shim/host.ts'
import { bundleRelayEntry } from '../../helpers/keeper-bundle.ts'

const GROUPS = '/sys/fs/cgroup'
const which = (tool: string) =>
  ['/usr/bin', '/usr/sbin', '/bin', '/sbin'].map((folder) => `${folder}/${tool}`).find((path) => fs.existsSync(path)) ??
  ''
const [runtime, conmon, busybox] = [which('runc'), which('conmon'), which('busybox')]
const reason =
  process.getuid?.() !== 0 ? 'needs root' : !runtime || !conmon || !busybox ? 'needs runc, conmon and busybox' : ''

describe.skipIf(reason !== '')(`containers of the keeper${reason && ` (${reason})`}`, () => {
  let folder = ''
  let entry = ''
  let host: ContainerHost
  const events: HostEvent[] = []
  const open = () =>
    createContainerHost({
      stateFolder: join(folder, 'state'),
      rootless: false,
      runtime,
      conmon,
      cgroupManager: 'cgroupfs',
      entry: { file: entry },
      onEvent: (event) => events.push(event),
    })

  beforeAll(async () => {
    folder = fs.mkdtempSync(join(os.tmpdir(), 'slipway-containers-'))
    entry = await bundleRelayEntry(folder)
    for (const name of ['bin', 'proc', 'dev', 'tmp', 'sys'])
      fs.mkdirSync(join(folder, 'rootfs', name), { recursive: true })
    fs.copyFileSync(busybox, join(folder, 'rootfs/bin/busybox'))
    for (const name of ['sh', 'cat', 'sleep', 'echo', 'seq', 'stty', 'true', 'kill'])
      fs.symlinkSync('busybox', join(folder, 'rootfs/bin', name))
    host = open()
  })
  afterAll(async () => {
    for (const { containerId } of await host.listContainers({})) await host.deleteContainer({ containerId })
    await host.close()
    fs.rmSync(folder, { recursive: true, force: true })
    // runc takes away the groups of containers, and not the one above them.
    for (const controller of ['.', ...fs.readdirSync(GROUPS)]) {
      const group = join(GROUPS, controller, 'slipway-test')
      if (fs.existsSync(group)) fs.rmdirSync(group)
    }
  })

  const processOf = (args: string[], tty = false) => ({
    terminal: tty,
    user: { uid: 0, gid: 0 },
    args,
    env: ['PATH=/bin'],
    cwd: '/',
  })
  const create = async (
    args: string[],
    options: { tty?: boolean; openStdin?: boolean; logMaxBytes?: number; containerId?: string } = {},
  ) => {
    const { containerId = randomBytes(32).toString('hex') } = options
    const bundle = join(folder, 'bundles', containerId)
    fs.mkdirSync(bundle, { recursive: true })
    const namespaces = ['pid', 'mount', 'ipc', 'uts', 'network'].map((type) => ({ type }))
    const mounts = [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
      { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666'] },
    ]
    const config = {
      ociVersion: '1.0.2',
      process: processOf(args, options.tty),
      root: { path: join(folder, 'rootfs') },
      mounts,
      linux: { namespaces, cgroupsPath: `/slipway-test/${containerId}` },
    }
    fs.writeFileSync(join(bundle, 'config.json'), JSON.stringify(config))
    const params = {
      containerId,
      bundle,
      logPath: join(bundle, 'log'),
      logMaxBytes: options.logMaxBytes ?? 0,
      logMaxFiles: 3,
      tty: options.tty ?? false,
      openStdin: options.openStdin ?? false,
    }
    const created = await host.createContainer(params)
    return { containerId, bundle, ...created, log: () => fs.readFileSync(join(bundle, 'log'), 'utf8') }
  }
  const exitOf = async (id: string) => {
    const find = () => events.filter((event) => event.type === 'exit' && event.containerId === id)
    await expect.poll(() => find().length, { timeout: 8000, interval: 10 }).toBe(1)
    return find()[0]
  }
  const collect = (stream: Duplex) => {
    const frames: Buffer[] = []
    stream.on('data', (frame: Buffer) => frames.push(frame))
    const of = (kind: number) =>
      Buffer.concat(frames.filter((frame) => frame[0] === kind).map((frame) => frame.subarray(1))).toString()
    return { of, ended: new Promise<void>((resolve) => stream.once('end', () => resolve())) }
  }
  const send = (stream: Duplex, kind: number, text = '') =>
    stream.write(Buffer.concat([Buffer.of(kind), Buffer.from(text)]))

  it('runs a process, logs what it says and tells its exit code once', async () => {
    const { containerId, log } = await create(['sh', '-c', 'echo hello; exit 7'])
    await host.startContainer({ containerId })
    expect(await exitOf(containerId)).toMatchObject({ exitCode: 7, shimLost: false, oomKilled: false })
    expect(log()).toMatch(/ stdout F hello\n/)
    await host.deleteContainer({ containerId })
  })

  it('names a command that does not exist', async () => {
    await expect(create(['nope'])).rejects.toMatchObject({
      reason: 'runtime.command-not-found',
      message: 'exec: "nope": executable file not found in $PATH',
    })
  })

  it('signals, pauses and resumes, and kills a paused container', async () => {
    const { containerId } = await create(['sleep', '100'])
    await host.startContainer({ containerId })
    await host.pauseContainer({ containerId })
    await host.resumeContainer({ containerId })
    await host.pauseContainer({ containerId })
    await host.signalContainer({ containerId, signal: 'SIGKILL' })
    expect(await exitOf(containerId)).toMatchObject({ exitCode: 137 })
  })

  it('relays stdin and output of an attached container and then its exit code', async () => {
    const { containerId, bundle } = await create(['cat'], { openStdin: true })
    const stream = await host.attach({ containerId, bundle, tty: false })
    const seen = collect(stream)
    await host.startContainer({ containerId })
    send(stream, 0, 'to the cat')
    send(stream, 2)
    await seen.ended
    expect([seen.of(2), seen.of(4)]).toEqual(['to the cat', '0'])
  })

  it('keeps stdin open when a reader leaves', async () => {
    const { containerId, bundle } = await create(['cat'], { openStdin: true })
    await host.startContainer({ containerId })
    ;(await host.attach({ containerId, bundle, tty: false })).destroy()
    const stream = await host.attach({ containerId, bundle, tty: false })
    const seen = collect(stream)
    send(stream, 0, 'again')
    await expect.poll(() => seen.of(2), { timeout: 3000 }).toBe('again')
    send(stream, 2)
    await seen.ended
    expect(seen.of(4)).toBe('0')
  })

  it('runs a terminal in a container, resizes it and tells its exit code', async () => {
    const { containerId, bundle } = await create(['sleep', '100'])
    await host.startContainer({ containerId })
    const params = {
      containerId,
      bundle,
      execId: randomBytes(32).toString('hex'),
      process: processOf(['sh'], true),
      tty: true,
      openStdin: true,
      columns: 90,
      rows: 30,
    }
    const stream = await host.exec(params)
    const seen = collect(stream)
    send(stream, 0, 'stty size\n')
    await expect.poll(() => seen.of(2), { timeout: 3000 }).toContain('30 90')
    send(stream, 1, '120 40')
    await new Promise((resolve) => setTimeout(resolve, 100))
    send(stream, 0, 'stty size; exit 5\n')
    await seen.ended
    expect(seen.of(2)).toContain('40 120')
    expect(seen.of(4)).toBe('5')
    const missing = collect(
      await host.exec({ ...params, execId: randomBytes(32).toString('hex'), process: processOf(['nope']), tty: false }),
    )
    await missing.ended
    expect(JSON.parse(missing.of(5))).toMatchObject({ reason: 'runtime.command-not-found' })
    await expect.poll(() => fs.readdirSync(join(folder, 'state/execs')), { timeout: 3000 }).toEqual([])
    await host.deleteContainer({ containerId })
  })

  it('lets go of a slow reader of a container and holds back a process in it', async () => {
    const flood = ['sh', '-c', 'seq 1 2000000; exit 4']
    const { containerId, bundle } = await create(['sh', '-c', 'sleep 0.2; seq 1 2000000; sleep 100'])
    const slow = await host.attach({ containerId, bundle, tty: false })
    await host.startContainer({ containerId })
    await expect.poll(() => fs.statSync(join(bundle, 'log')).size, { timeout: 15_000 }).toBeGreaterThan(90_000_000)
    const seen = collect(slow)
    await seen.ended
    expect(JSON.parse(seen.of(5))).toMatchObject({ reason: 'attach.slow-reader' })
    const stream = await host.exec({
      containerId,
      bundle,
      execId: randomBytes(32).toString('hex'),
      process: processOf(flood),
      tty: false,
      openStdin: false,
      columns: 0,
      rows: 0,
    })
    await new Promise((resolve) => setTimeout(resolve, 500))
    const held = collect(stream)
    await held.ended
    expect(held.of(2).length).toBe(14_888_896)
    expect(held.of(4)).toBe('4')
    await host.deleteContainer({ containerId })
  })

  it('has no part of a life that is over in the next one, though a reader of it has stalled', async () => {
    const { containerId, bundle } = await create(['sh', '-c', 'sleep 0.2; seq 1 2000000; sleep 100'])
    const stalled = await host.attach({ containerId, bundle, tty: false, holdsBack: true })
    await host.startContainer({ containerId })
    await expect.poll(() => fs.statSync(join(bundle, 'log')).size, { timeout: 8000 }).toBeGreaterThan(1_000_000)
    await host.deleteContainer({ containerId })
    await create(['sh', '-c', 'sleep 0.2; echo next; exit 3'], { containerId })
    const next = collect(await host.attach({ containerId, bundle, tty: false }))
    await host.startContainer({ containerId })
    await next.ended
    expect([next.of(2), next.of(4)]).toEqual(['next\n', '3'])
    stalled.destroy()
    await host.deleteContainer({ containerId })
  })

  it('runs a check with a deadline and counts what a container uses', async () => {
    const { containerId } = await create(['sleep', '100'])
    await host.startContainer({ containerId })
    const check = (args: string[], timeoutSeconds: number) =>
      host.runExec({ containerId, process: processOf(args), timeoutSeconds })
    expect(await check(['sh', '-c', 'echo well; exit 3'], 5)).toEqual({ exitCode: 3, output: 'well\n' })
    expect(await check(['sh', '-c', 'sleep 50; true'], 0.5)).toMatchObject({ exitCode: -1 })
    const [stats] = await host.stats({ ids: [containerId] })
    expect(stats).toMatchObject({ containerId, memoryLimitBytes: 0 })
    expect(stats?.cpuNanoseconds).toBeGreaterThan(0)
    expect(stats?.memoryBytes).toBeGreaterThan(0)
    await host.deleteContainer({ containerId })
  })

  it('ends a container whose shim was killed', async () => {
    const made = await create(['sleep', '100'])
    await host.startContainer({ containerId: made.containerId })
    process.kill(made.conmon.pid, 'SIGKILL')
    expect(await exitOf(made.containerId)).toMatchObject({ exitCode: 255, shimLost: true })
    await expect
      .poll(
        () =>
          fs.existsSync(`/proc/${made.init.pid}/cmdline`) &&
          fs.readFileSync(`/proc/${made.init.pid}/cmdline`).length > 0,
      )
      .toBe(false)
  })

  it('adopts what an earlier keeper left, with the exits nobody watched', async () => {
    const [alive, over] = [await create(['sleep', '100']), await create(['sh', '-c', 'sleep 0.3; exit 9'])]
    for (const { containerId } of [alive, over]) await host.startContainer({ containerId })
    await host.close()
    await new Promise((resolve) => setTimeout(resolve, 900))
    host = open()
    const found = new Map((await host.listContainers({})).map((container) => [container.containerId, container]))
    expect(found.get(alive.containerId)).toMatchObject({ state: 'running', init: alive.init })
    expect(found.get(over.containerId)).toMatchObject({ state: 'exited', exitCode: 9 })
    await host.signalContainer({ containerId: alive.containerId, signal: 'KILL' })
    expect(await exitOf(alive.containerId)).toMatchObject({ exitCode: 137 })
  })

  it('rotates a flooding log and loses no line in between', async () => {
    const { containerId, bundle } = await create(
      [
        'sh',
        '-c',
        'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do seq $((i*10000)) $((i*10000+9999)); sleep 0.25; done',
      ],
      { logMaxBytes: 500_000 },
    )
    await host.startContainer({ containerId })
    await exitOf(containerId)
    const names = ['log.2', 'log.1', 'log'].filter((name) => fs.existsSync(join(bundle, name)))
    expect(names).toContain('log.1')
    expect(fs.existsSync(join(bundle, 'log.3'))).toBe(false)
    // A line cut at conmon's buffer is logged in pieces: P … P F.
    const text = names
      .map((name) => fs.readFileSync(join(bundle, name), 'utf8'))
      .join('')
      .replace(/^\S+ stdout ([PF]) (.*)\n/gm, (_, tag, piece) => (tag === 'P' ? piece : `${piece}\n`))
    const numbers = text.trim().split('\n').map(Number).slice(1)
    expect(numbers.at(-1)).toBe(149_999)
    expect(numbers.findIndex((number, index) => index > 0 && number !== (numbers[index - 1] ?? 0) + 1)).toBe(-1)
  })

  it('leaves nothing behind when containers are deleted', async () => {
    for (const { containerId } of await host.listContainers({})) await host.deleteContainer({ containerId })
    for (const name of ['containers', 'exits', 'execs', 'runc'])
      expect(fs.readdirSync(join(folder, 'state', name)), name).toEqual([])
    expect(execFileSync('ps', ['-eo', 'cmd']).toString()).not.toContain(`${folder}/bundles`)
  })
})
