import { type ChildProcess, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasDocker } from '../../helpers/docker.ts'
import { waitUntil } from '../../helpers/engine.ts'
import { type EngineMachine, IMAGE, MACHINE, OUTSIDE, startEngineMachine } from '../../helpers/engine-machine.ts'

const isHere = (tool: string, flag: string) => spawnSync(tool, [flag]).status === 0
// Not among the tools that the tests install: its package starts a firewall on the machine.
const why =
  process.getuid?.() !== 0
    ? 'namespaces of their own need root'
    : hasDocker && isHere('firewalld', '--help') && isHere('dbus-daemon', '--version')
      ? ''
      : 'it needs docker, firewalld and dbus-daemon'

/** The real firewalld, with a bus and a configuration of the test's own, is the firewall of the machine. */
describe.skipIf(why !== '')(`beside firewalld${why && ` (${why})`}`, () => {
  let t: EngineMachine
  let firewalld: ChildProcess | undefined
  const docker = (...args: string[]) => t.docker(args)
  const cmd = (...args: string[]) => t.inside('machine', 'firewall-cmd', ...args).trim()
  const trusted = () => cmd('--zone=trusted', '--list-interfaces').split(' ').filter(Boolean)
  const bridges = () =>
    (JSON.parse(t.inside('machine', 'ip', '-j', 'link', 'show', 'type', 'bridge')) as { ifname: string }[]).map(
      ({ ifname }) => ifname,
    )
  const areTrusted = () => waitUntil(() => trusted().toSorted().join() === bridges().toSorted().join(), 'trust')
  const isRunning = () => {
    try {
      return cmd('--state') === 'running'
    } catch {
      return false
    }
  }
  const startFirewalld = async () => {
    const config = path.join(t.folder, 'firewalld')
    firewalld = t.spawn('machine', [
      'firewalld',
      '--nofork',
      '--nopid',
      '--log-target=console',
      `--system-config=${config}`,
    ])
    await expect.poll(() => isRunning(), { timeout: 20_000 }).toBe(true)
  }
  /** Out, in by a published port, and from one container to another. */
  const seen = async () => ({
    outside: (await docker('exec', 'client', 'nc', '-w', '2', OUTSIDE, '7000')).stdout.trim(),
    published: t.ask('others', MACHINE, 8080),
    other: (await docker('exec', 'client', 'nc', '-w', '2', 'web', '80')).stdout.trim(),
  })
  const EVERYTHING = { outside: 'outside', published: 'inside', other: 'inside' }
  beforeAll(async () => {
    const busOf = (folder: string) => `unix:path=${path.join(folder, 'bus')}`
    t = await startEngineMachine({
      applets: ['sh', 'echo', 'nc', 'sleep'],
      env: (folder) => ({ DBUS_SYSTEM_BUS_ADDRESS: busOf(folder) }),
    })
    mkdirSync(path.join(t.folder, 'firewalld'))
    writeFileSync(path.join(t.folder, 'firewalld/firewalld.conf'), 'DefaultZone=public\nFirewallBackend=nftables\n')
    const bus = t.spawn('machine', [
      'dbus-daemon',
      '--session',
      '--nofork',
      '--print-address',
      `--address=${busOf(t.folder)}`,
    ])
    if (bus.stdout) await once(bus.stdout, 'data')
    await t.serve('others', 7000, `'outside'`)
    await t.startShop()
  })
  afterAll(() => t?.destroy())

  it('that starts after the engine, containers reach the outside and each other, and are reached at published ports', async () => {
    expect(await seen()).toEqual(EVERYTHING)
    await startFirewalld()
    await areTrusted()
    expect(await seen()).toEqual(EVERYTHING)
  })

  it.each([
    ['public', '--reload'],
    ['drop', '--complete-reload'],
  ])('they still do where everything else is in the zone %s, after %s', async (zone, reload) => {
    cmd(`--set-default-zone=${zone}`)
    cmd(reload)
    await areTrusted()
    expect(await seen()).toEqual(EVERYTHING)
    expect(cmd('--permanent', '--zone=trusted', '--list-interfaces')).toBe('')
  })

  it('a network that comes is trusted, until it goes', async () => {
    await docker('network', 'create', '-o', 'com.docker.network.bridge.name=fresh0', 'fresh')
    expect(trusted()).toContain('fresh0')
    const asked = await docker('run', '--rm', '--network', 'fresh', IMAGE, 'nc', '-w', '2', OUTSIDE, '7000')
    expect(asked.stdout).toBe('outside\n')
    await docker('network', 'rm', 'fresh')
    expect(trusted()).not.toContain('fresh0')
  })

  it('a bridge that the administrator has put into a zone stays there', async () => {
    cmd('--permanent', '--zone=block', '--add-interface=kept0')
    cmd('--reload')
    await areTrusted()
    await docker('network', 'create', '-o', 'com.docker.network.bridge.name=kept0', 'kept')
    expect(cmd('--get-zone-of-interface=kept0')).toBe('block')
    const asked = await docker('run', '--rm', '--network', 'kept', IMAGE, 'nc', '-w', '2', OUTSIDE, '7000')
    expect(asked.stdout).toBe('')
    await docker('network', 'rm', 'kept')
    expect(cmd('--get-zone-of-interface=kept0')).toBe('block')
  })

  it('nothing stays when the engine and its keeper end, and an engine that starts later has everything again', async () => {
    await t.stopEngine()
    await waitUntil(() => trusted().length === 0, 'a zone without us')
    await t.startEngine()
    await docker('start', 'client', 'web')
    expect(trusted().toSorted()).toEqual(bridges().toSorted())
    expect(await seen()).toEqual(EVERYTHING)
  })

  it('they go on when it ends', async () => {
    const ended = firewalld && once(firewalld, 'exit')
    firewalld?.kill('SIGTERM')
    await ended
    expect(t.inside('machine', 'nft', 'list', 'tables')).not.toContain('firewalld')
    expect(await seen()).toEqual(EVERYTHING)
  })
})
