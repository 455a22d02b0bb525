import { spawnSync } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasDocker } from '../../helpers/docker.ts'
import { waitUntil } from '../../helpers/engine.ts'
import { type EngineMachine, IMAGE, MACHINE, OUTSIDE, startEngineMachine } from '../../helpers/engine-machine.ts'

const isRoot = process.getuid?.() === 0
const why = !isRoot
  ? 'namespaces of their own need root'
  : !hasDocker || spawnSync('iptables', ['--version']).status !== 0
    ? 'it needs docker and iptables'
    : ''
const OTHERS = '10.232.0.2'

/*
 * The machine's firewall is another program's, which has containers of its own:
 *
 *   machine  up0 10.231.0.1 ── up1 10.231.0.2  others
 *            docker0 10.232.0.1 ── dk1 10.232.0.2
 */
describe.skipIf(why !== '')(`beside a firewall that drops what is forwarded${why && ` (${why})`}`, () => {
  let t: EngineMachine
  const docker = (args: readonly string[]) => t.docker(args)
  const iptables = (...args: string[]) => t.inside('machine', 'iptables', ...args)
  const fromContainer = async (address: string) =>
    (await docker(['run', '--rm', IMAGE, 'nc', '-w', '2', address, '7000'])).stdout.trim()
  const ours = () =>
    t
      .inside('machine', 'iptables-save')
      .split('\n')
      .filter((line) => line.includes('SLIPWAY'))

  beforeAll(async () => {
    t = await startEngineMachine({ applets: ['sh', 'nc', 'sleep'] })
    t.ip('machine', 'link add docker0 type bridge')
    t.ip('machine', 'link add dk0 master docker0 type veth peer name dk1')
    t.ip('machine', `link set dk1 netns ${t.netns('others')}`)
    t.ip('machine', 'addr add 10.232.0.1/24 dev docker0')
    for (const name of ['docker0', 'dk0']) t.ip('machine', `link set ${name} up`)
    t.ip('others', `addr add ${OTHERS}/24 dev dk1`)
    t.ip('others', 'link set dk1 up')
    t.ip('others', 'route add default via 10.232.0.1')
    await t.serve('others', 7000, `'outside'`)
  })
  afterAll(() => t?.destroy())

  it('containers reach the outside, and nothing is written while that firewall lets things pass', async () => {
    for (const address of [OUTSIDE, OTHERS]) expect(await fromContainer(address)).toBe('outside')
    expect(ours()).toEqual([])
  })

  it('they reach it as soon as the firewall drops, each other too, and are reached at their published ports', async () => {
    iptables('-P', 'FORWARD', 'DROP')
    await waitUntil(() => ours().length > 0, 'the chain of ours')
    expect(await fromContainer(OUTSIDE)).toBe('outside')
    const reply = ['sh', '-c', 'while true; do echo inside | nc -l -p 80; done']
    expect(await docker(['run', '-d', '--name', 'web', '-p', '8080:80', IMAGE, ...reply])).toMatchObject({ code: 0 })
    expect(t.ask('others', MACHINE, 8080)).toBe('inside')
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
    iptables('-F', 'FORWARD')
    await waitUntil(() => ours().some((line) => line.startsWith('-A FORWARD')), 'the way to the chain of ours')
    iptables('-P', 'FORWARD', 'ACCEPT')
    await waitUntil(() => ours().length === 0, 'a table without us')
  })

  it('nothing stays in the other’s table when the engine and its keeper end', async () => {
    iptables('-P', 'FORWARD', 'DROP')
    await waitUntil(() => ours().length > 0, 'the chain of ours')
    await t.stopEngine()
    await waitUntil(() => ours().length === 0, 'a table without us')
  })
})
