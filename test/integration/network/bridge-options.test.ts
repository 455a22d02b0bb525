import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CreateNetwork } from '../../../engine/contract/network.ts'
import { type NetworkTest, startNetworkTest } from '../../helpers/containers.ts'
import { ECHO_SERVERS, type Inside, runInside } from '../../helpers/inside.ts'
import { type Machine, makeMachine } from '../../helpers/machine.ts'

const { signal } = new AbortController()
const BRIDGE = 'com.docker.network.bridge.'
const [OURS, THEIRS] = ['198.18.79.1', '198.18.79.2']
/** How long nothing must come before nothing counts as coming. */
const SILENCE_MS = 1500
const isRoot = process.getuid?.() === 0
let t: NetworkTest
let machine: Machine
const running: Inside[] = []
const createNetwork = (name: string, options: Record<string, string>, more: object = {}) =>
  t.handlers().network.create(CreateNetwork.parse({ name, options, ...more }), { signal })
const removeNetwork = (id: string) => t.handlers().network.remove({ id }, { signal })
/** A container that echoes on port 9000, published, and on 9001, not published. */
const serve = async (network: string) => {
  const container = await t.run({ network, ports: [{ containerPort: 9000 }] })
  for (const script of [ECHO_SERVERS, ECHO_SERVERS.replaceAll('9000', '9001')]) {
    const inside = runInside(container.pid, t.test.config.mode, script)
    running.push(inside)
    expect(await inside.line()).toBe('ready')
  }
  return container
}
/** What the other machine gets from a port: the address that was seen there, or why nothing came. */
const ask = (host: string, port: number, milliseconds = 8000) =>
  machine.run(
    `require('net').connect(${port}, '${host}', function () { this.end('hey') }).on('data', (x) => (console.log(String(x)), process.exit())).on('error', (e) => (console.log(e.code), process.exit())); setTimeout(() => (console.log('silent'), process.exit()), ${milliseconds})`,
  )

beforeAll(async () => {
  t = await startNetworkTest()
  if (isRoot) machine = makeMachine(OURS, THEIRS)
})
afterAll(async () => {
  await Promise.all(running.map((inside) => inside.end()))
  machine?.remove()
  await t?.test.destroy()
})

describe('options of a bridge network', () => {
  it('that are unknown, or have an unknown value, are refused by name', async () => {
    const wrong = [
      ['gateway_mode_ipv4', 'bridge'],
      ['gateway_mode_ipv6', 'isolated'],
      ['enable_icc', 'perhaps'],
      ['host_binding_ipv4', 'localhost'],
      ['inhibit_ipv4', '2'],
      ['trusted_host_interfaces', 'eth0'],
    ] as const
    for (const [key, value] of wrong)
      await expect(createNetwork('odd', { [BRIDGE + key]: value }), key).rejects.toMatchObject({
        reason: 'network.invalid-option',
        message: expect.stringContaining(key),
      })
    for (const prefix of ['thirteenchars', 'e/h', '9x', 'eth0'])
      await expect(createNetwork('odd', { 'com.docker.network.container_iface_prefix': prefix })).rejects.toMatchObject(
        {
          reason: 'network.invalid-option',
        },
      )
    if (!isRoot)
      await expect(createNetwork('odd', { [`${BRIDGE}gateway_mode_ipv4`]: 'routed' })).rejects.toMatchObject({
        reason: 'network.no-routes',
      })
  })

  it('name the interfaces in containers, and leave the bridge without an address', async () => {
    await createNetwork('named', {
      'com.docker.network.container_iface_prefix': 'net',
      [`${BRIDGE}inhibit_ipv4`]: 'true',
    })
    const first = await t.run({ network: 'named' })
    const second = await t.run({ endpoints: [{ network: 'named' }] })
    expect(await t.exec(first.id, 'ip -4 -o addr show net0')).toContain(first.ipAddress)
    const place = second.networks.find(({ network }) => network === 'named')
    expect(await t.exec(second.id, 'ip -4 -o addr show net1')).toContain(place?.ipAddress)
    const answers = await t.exec(
      first.id,
      `for to in ${place?.ipAddress} ${first.gateway}; do ping -c 1 -W 1 $to >/dev/null 2>&1 && echo yes || echo no; done`,
    )
    expect(answers).toBe('yes\nno\n')
    await Promise.all([first, second].map(({ id }) => t.remove(id)))
    await removeNetwork('named')
  })

  it('leave the gateway its MAC address while containers come and go', async () => {
    await createNetwork('steady', {})
    const { gateway } = await t.handlers().network.inspect({ id: 'steady' }, { signal })
    const first = await t.run({ network: 'steady' })
    const learn = `ip neigh flush dev eth0; ping -c 1 -W 2 ${gateway} >/dev/null; ip neigh show ${gateway}`
    const macOf = async () => / lladdr (\S+)/.exec(await t.exec(first.id, learn))?.[1]
    const before = await macOf()
    expect(before).toMatch(/^02:42:/)
    // The kernel would take the lowest address of the ports: of so many, one is lower than the first.
    const others = await Promise.all(Array.from({ length: 6 }, () => t.run({ network: 'steady' })))
    expect(await macOf()).toBe(before)
    await Promise.all(others.map(({ id }) => t.remove(id)))
    expect(await macOf()).toBe(before)
    await t.remove(first.id)
    await removeNetwork('steady')
  })

  it('keep an isolated network from this machine, while its containers reach each other', async () => {
    await createNetwork('alone', { [`${BRIDGE}gateway_mode_ipv4`]: 'isolated' }, { isInternal: true })
    const [a, b] = [await t.run({ network: 'alone' }), await t.run({ network: 'alone' })]
    const { gateway } = await t.handlers().network.inspect({ id: 'alone' }, { signal })
    const answers = await t.exec(
      a.id,
      `for to in ${b.ipAddress} ${gateway}; do ping -c 1 -W 1 $to >/dev/null 2>&1 && echo yes || echo no; done`,
    )
    expect(answers).toBe('yes\nno\n')
    await Promise.all([a, b].map(({ id }) => t.remove(id)))
    await removeNetwork('alone')
  })
})

describe.skipIf(!isRoot)(
  'a network’s gateway mode, for another machine (needs root: routes lead to bridges of root alone)',
  () => {
    it('routed: published ports at the container’s own address, and no other', async () => {
      await createNetwork('routed', { [`${BRIDGE}gateway_mode_ipv4`]: 'routed' })
      const { id, ipAddress, ports } = await serve('routed')
      expect(ports).toMatchObject([{ hostPort: 0 }])
      expect(ask(ipAddress, 9000)).toBe(`::ffff:${THEIRS} 3`)
      expect(ask(ipAddress, 9001, SILENCE_MS)).toBe('silent')
      await t.handlers().container.setPorts({ id, ports: [] }, { signal })
      expect(ask(ipAddress, 9000, SILENCE_MS)).toBe('silent')
      await t.remove(id)
      await removeNetwork('routed')
    })

    it('nat-unprotected: every port of a container; nat: none but by the host’s', async () => {
      await createNetwork('open', { [`${BRIDGE}gateway_mode_ipv4`]: 'nat-unprotected' })
      await createNetwork('closed', {})
      const [open, closed] = [await serve('open'), await serve('closed')]
      expect(ask(open.ipAddress, 9001)).toBe(`::ffff:${THEIRS} 3`)
      expect(ask(closed.ipAddress, 9001, SILENCE_MS)).toBe('silent')
      for (const { ports } of [open, closed]) expect(ask(OURS, ports[0]?.hostPort ?? 0)).toBe(`::ffff:${THEIRS} 3`)
      await Promise.all([open, closed].map(({ id }) => t.remove(id)))
      await Promise.all(['open', 'closed'].map(removeNetwork))
    })
  },
)
