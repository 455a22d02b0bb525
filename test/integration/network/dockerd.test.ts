import { type ChildProcess, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, rmdirSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isOverlapping } from '../../../engine/network/ipam.ts'
import { busyboxArchive, dockerOn, hasDocker } from '../../helpers/docker.ts'
import { waitUntil } from '../../helpers/engine.ts'
import { type EngineMachine, IMAGE, MACHINE, OUTSIDE, startEngineMachine } from '../../helpers/engine-machine.ts'

const isRoot = process.getuid?.() === 0
const has = (tool: string) => spawnSync(tool, ['--version']).status === 0
const why = !isRoot
  ? 'namespaces of their own need root'
  : !hasDocker || !has('dockerd') || !has('iptables')
    ? 'it needs docker, dockerd and iptables'
    : ''
const SAY = (what: string) => ['sh', '-c', `while true; do echo ${what} | nc -l -p 80; done`]

/*
 * A real dockerd on the same machine, in a mount namespace of its own, so that nothing of it stays:
 *
 *   machine  up0 10.231.0.1 ── up1 10.231.0.2  others
 *            dockerd: docker0, published 8090     engine: published 8080
 */
describe.skipIf(why !== '')(`beside a real dockerd${why && ` (${why})`}`, () => {
  let t: EngineMachine
  let daemon: ChildProcess
  let group = ''
  let theirs: ReturnType<typeof dockerOn>
  const rules = () => t.inside('machine', 'iptables-save').split('\n')
  const ours = () => rules().filter((line) => line.includes('SLIPWAY'))
  /** Without counters, times, and the chain of ours. */
  const others = () =>
    rules()
      .filter((line) => !line.startsWith('#') && !line.includes('SLIPWAY'))
      .map((line) => line.replace(/\[\d+:\d+\]/, ''))
  const askAll = () => ({
    ours: [t.ask('others', MACHINE, 8080), t.ask('machine', '127.0.0.1', 8080)],
    theirs: [t.ask('others', MACHINE, 8090), t.ask('machine', '127.0.0.1', 8090)],
  })
  const goesOut = async (docker: EngineMachine['docker'], container: string) =>
    (await docker(['exec', container, 'nc', '-w', '2', OUTSIDE, '7000'])).stdout.trim()

  beforeAll(async () => {
    t = await startEngineMachine({ applets: ['sh', 'nc', 'sleep', 'echo'] })
    await t.serve('others', 7000, `'outside'`)
    await t.stopEngine()
    // Where nothing is forwarded yet, dockerd switches it on, and has the firewall drop what is not its own.
    t.inside('machine', 'sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward')
    const at = (name: string) => path.join(t.folder, 'dockerd', name)
    group = path.basename(t.folder)
    daemon = t.spawn('machine', [
      ...[
        'unshare',
        '--mount',
        'sh',
        '-c',
        'exec dockerd "$@" 2>/dev/null',
        'dockerd',
        '--host',
        `unix://${path.join(t.folder, 'dockerd.sock')}`,
      ],
      ...['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid')],
      ...['--storage-driver', 'vfs', '--cgroup-parent', `/${group}`, '--log-level', 'fatal'],
    ])
    theirs = dockerOn(path.join(t.folder, 'dockerd.sock'))
    await waitUntil(async () => (await theirs(['version'])).code === 0, 'dockerd', 30_000)
    const loaded = await theirs(['load'], await busyboxArchive([IMAGE], { applets: ['sh', 'nc', 'sleep', 'echo'] }))
    expect(loaded.stderr).toBe('')
    await t.startEngine()
    for (const [docker, name, port] of [
      [t.docker, 'ours', '8080:80'],
      [theirs, 'theirs', '8090:80'],
    ] as const)
      expect(
        await docker(['run', '-d', '--stop-timeout', '0', '--name', name, '-p', port, IMAGE, ...SAY(name)]),
      ).toMatchObject({ code: 0 })
  }, 120_000)
  afterAll(async () => {
    if (daemon && daemon.exitCode === null) {
      await theirs(['rm', '-f', 'theirs'])
      daemon.kill('SIGTERM')
      await once(daemon, 'exit')
    }
    await t?.destroy()
    for (const controller of ['', ...(existsSync('/sys/fs/cgroup') ? readdirSync('/sys/fs/cgroup') : [])])
      if (group && existsSync(path.join('/sys/fs/cgroup', controller, group)))
        rmdirSync(path.join('/sys/fs/cgroup', controller, group))
  })

  it('containers of both reach the outside and are reached at their ports, though dockerd drops what is not its own', async () => {
    expect(rules().some((line) => line.startsWith(':FORWARD DROP'))).toBe(true)
    expect(askAll()).toEqual({ ours: ['ours', 'ours'], theirs: ['theirs', 'theirs'] })
    expect([await goesOut(t.docker, 'ours'), await goesOut(theirs, 'theirs')]).toEqual(['outside', 'outside'])
    expect(ours().length).toBeGreaterThan(0)
  })

  it('subnets of the one are no subnets of the other, and a port of the one is taken for the other', async () => {
    const subnet = async (docker: EngineMachine['docker']) =>
      (await docker(['network', 'inspect', '-f', '{{(index .IPAM.Config 0).Subnet}}', 'bridge'])).stdout.trim()
    // Ours had this one before dockerd came.
    expect(await subnet(theirs)).toBe('172.17.0.0/16')
    expect(isOverlapping(await subnet(t.docker), '172.17.0.0/16')).toBe(false)
    const { stderr } = await t.docker(['run', '--rm', '-p', '8090:80', IMAGE, 'true'])
    expect(stderr).toMatch(/8090 failed: port is already allocated/)
  })

  it('networks that come and go on either side leave the other as it was', async () => {
    const before = [others(), ours()]
    for (const docker of [t.docker, theirs]) {
      expect(await docker(['network', 'create', 'passing'])).toMatchObject({ code: 0 })
      expect(askAll()).toEqual({ ours: ['ours', 'ours'], theirs: ['theirs', 'theirs'] })
      expect(await docker(['network', 'rm', 'passing'])).toMatchObject({ code: 0 })
    }
    expect([others(), ours()]).toEqual(before)
  })

  it('what is ours goes with our engine, and dockerd’s stays and works', async () => {
    const before = others()
    await t.docker(['rm', '-f', 'ours'])
    await t.stopEngine()
    await waitUntil(() => ours().length === 0, 'a table without us')
    expect(others()).toEqual(before)
    expect(t.inside('machine', 'nft', 'list', 'tables')).not.toContain('slipway')
    expect(askAll()).toEqual({ ours: ['', ''], theirs: ['theirs', 'theirs'] })
    expect(await goesOut(theirs, 'theirs')).toBe('outside')
  })
})
