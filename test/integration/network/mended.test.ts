import { execFileSync } from 'node:child_process'
import net from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ContainerDetail } from '../../../engine/contract/container.ts'
import { CreateNetwork, EndpointSpec } from '../../../engine/contract/network.ts'
import { type NetworkTest, startNetworkTest } from '../../helpers/containers.ts'
import { waitUntil } from '../../helpers/engine.ts'
import { enterBridgesOf } from '../../helpers/inside.ts'

const { signal } = new AbortController()
const NAME = 'mended'
let t: NetworkTest
let bridge = ''
let a: ContainerDetail
let b: ContainerDetail

const keeperPid = async () => (await t.handlers().system.info({}, { signal })).keeperPid
const ip = async (...args: string[]) => {
  const enter = enterBridgesOf({ runtimeDir: t.test.config.runtimeDir, keeperPid: await keeperPid() })
  const [command = '', ...rest] = [...enter, 'ip', ...args]
  return execFileSync(command, rest, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
const portOf = ({ id }: ContainerDetail) => `veth${id.slice(0, 8)}0`
const reaches = async (from: ContainerDetail, address: string) =>
  (await t.exec(from.id, `ping -c 1 -W 1 ${address} >/dev/null 2>&1 && echo yes || echo no`)).trim() === 'yes'
const insideOf = async ({ id }: ContainerDetail) =>
  (await t.exec(id, 'ip addr show eth0; ip route')).replace(/^\d+: eth0@\S+/m, '').replace(/valid_lft.*/g, '')
/** Everything that a container had of its network. */
const isWhole = async () =>
  (await reaches(a, b.ipAddress)) &&
  (await reaches(b, '10.213.40.1')) &&
  (await ask(a.ports[0]?.hostPort ?? 0)) === 'hello'

beforeAll(async () => {
  t = await startNetworkTest()
  const network = CreateNetwork.parse({ name: NAME, pools: [{ subnet: '10.213.40.0/24' }] })
  const { id } = await t.handlers().network.create(network, { signal })
  bridge = `br-${id.slice(0, 12)}`
  const command = ['sh', '-c', 'while true; do echo hello | nc -l -p 80; done']
  a = await t.run({ network: NAME, command, ports: [{ containerPort: 80, hostIp: '127.0.0.1' }] })
  b = await t.run({ network: NAME })
})
afterAll(() => t?.test.destroy())

describe('what somebody takes away under running containers', () => {
  it('a bridge is there again with its addresses, and so is everything that was on it', async () => {
    const before = [await insideOf(a), await insideOf(b), await ip('-br', 'link', 'show', bridge)]
    const events = followEvents()
    await ip('link', 'delete', bridge)
    await waitUntil(isWhole, 'the network')
    expect([await insideOf(a), await insideOf(b), await ip('-br', 'link', 'show', bridge)]).toEqual(before)
    const mended = await events
    expect(mended.attributes['name']).toBe(NAME)
    expect(mended.attributes['interfaces']?.split(' ').sort()).toEqual([bridge, portOf(a), portOf(b)].sort())
  })

  it('an interface is made again with its addresses, its MAC address and the way out', async () => {
    const before = await insideOf(a)
    expect(before).toContain('default via 10.213.40.1')
    await ip('link', 'delete', portOf(a))
    await waitUntil(isWhole, 'the network')
    expect(await insideOf(a)).toBe(before)
  })

  it('an interface that was only taken off its bridge is put back', async () => {
    const index = async () => /^\d+/.exec(await ip('-o', 'link', 'show', portOf(b)))?.[0]
    const before = await index()
    await ip('link', 'set', portOf(b), 'nomaster')
    await waitUntil(isWhole, 'the network')
    expect(await index()).toBe(before)
  })

  it('is made again by the next keeper too, when none was there to see it go', async () => {
    const pid = await keeperPid()
    const enter = enterBridgesOf({ runtimeDir: t.test.config.runtimeDir, keeperPid: pid })
    // One process for both, since rootless there is no way in any more once the keeper is gone.
    const [command = '', ...rest] = [...enter, 'sh', '-c', `kill -9 ${pid}; ip link delete ${portOf(b)}`]
    execFileSync(command, rest)
    await waitUntil(() => isWhole().catch(() => false), 'the network', 20_000)
  })

  it('what goes because it is not needed any more stays away', async () => {
    const other = CreateNetwork.parse({ name: 'leaving', pools: [{ subnet: '10.213.41.0/24' }] })
    const { id } = await t.handlers().network.create(other, { signal })
    const endpoint = EndpointSpec.omit({ network: true }).parse({})
    await t.handlers().network.connect({ id: 'leaving', container: b.id, endpoint }, { signal })
    await t.handlers().network.disconnect({ id: 'leaving', container: b.id, force: false }, { signal })
    await t.handlers().network.remove({ id: 'leaving' }, { signal })
    const c = await t.run({ network: NAME })
    await t.remove(c.id)
    // A bridge that was deleted by hand is looked after as a whole.
    await ip('link', 'delete', bridge)
    await waitUntil(isWhole, 'the network', 20_000)
    const links = await ip('-br', 'link')
    for (const gone of [portOf(c), `br-${id.slice(0, 12)}`, `veth${b.id.slice(0, 8)}1`])
      expect(links).not.toContain(gone)
  })
})

/** The next event that says a network was mended. */
async function followEvents() {
  const stop = new AbortController()
  for await (const event of t.handlers().system.events({}, { signal: stop.signal, up: nothing() }))
    if (event.type === 'network' && event.action === 'mended') return event
  throw new Error('no event came')
}

async function* nothing(): AsyncGenerator<never> {}

function ask(port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = net.connect({ host: '127.0.0.1', port, timeout: 1000 })
    socket.on('data', (chunk) => {
      text += String(chunk)
    })
    socket.on('timeout', () => socket.destroy())
    socket.on('error', () => {})
    socket.on('close', () => resolve(text.trim()))
  })
}
