import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { DefaultBridge } from '../../../engine/contract/network.ts'
import { type NetworkTest, startNetworkTest } from '../../helpers/containers.ts'

const { signal } = new AbortController()
let t: NetworkTest
const set = (bridge: Partial<DefaultBridge>) =>
  t.handlers().network.setSettings({ bridge: DefaultBridge.parse(bridge) }, { signal })
const shown = () => t.handlers().network.inspect({ id: 'bridge' }, { signal })
const canReach = async (id: string, address: string) =>
  (await t.exec(id, `ping -c 1 -W 1 ${address} >/dev/null 2>&1 && echo yes || echo no`)).trim() === 'yes'

beforeAll(async () => {
  t = await startNetworkTest()
})
afterEach(async () => {
  for (const { id } of await t.handlers().container.list({ all: true }, { signal })) await t.remove(id)
  await set({})
})
afterAll(() => t?.test.destroy())

it('the default network has the subnet, the gateway and the MTU that are set, for containers of before too', async () => {
  const old = await t.run()
  await t.handlers().container.stop({ id: old.id, timeoutSeconds: 0 }, { signal })
  await set({ subnet: '10.214.5.7/24', mtu: 1400 })
  expect(await shown()).toMatchObject({ subnet: '10.214.5.0/24', gateway: '10.214.5.7' })
  await t.handlers().container.start({ id: old.id }, { signal })
  const { networks } = await t.inspect(old.id)
  expect(networks[0]).toMatchObject({ ipAddress: '10.214.5.1', gateway: '10.214.5.7' })
  const inside = await t.exec(old.id, 'ip route; cat /sys/class/net/eth0/mtu')
  expect(inside).toContain('default via 10.214.5.7')
  expect(inside).toMatch(/^1400$/m)
  expect(await canReach(old.id, '10.214.5.7')).toBe(true)
})

it('its containers have IPv6 when it is switched on, from a subnet that is chosen or set', async () => {
  await set({ enableIPv6: true })
  expect((await shown()).ipv6Subnet).toMatch(/^fd.*\/64$/)
  const [a, b] = [await t.run(), await t.run()]
  const six = (await t.inspect(b.id)).networks[0]?.ipv6Address ?? ''
  expect(six).toMatch(/^fd/)
  expect(await canReach(a.id, six)).toBe(true)
  await Promise.all([a, b].map(({ id }) => t.remove(id)))
  await set({ enableIPv6: true, ipv6Subnet: 'fd00:214:5::/64' })
  expect((await t.run()).networks[0]).toMatchObject({ ipv6Address: 'fd00:214:5::2', ipv6Gateway: 'fd00:214:5::1' })
})

it('its containers do not reach each other when that is switched off', async () => {
  await set({ isOpenWithin: false })
  const [a, b] = [await t.run(), await t.run()]
  expect(await canReach(a.id, b.ipAddress)).toBe(false)
  expect((await shown()).options).toEqual({ 'com.docker.network.bridge.enable_icc': 'false' })
})

it('stays as it is while containers run on it, and when what is set cannot be', async () => {
  const before = await shown()
  const { id, name } = await t.run()
  await expect(set({ mtu: 1300 })).rejects.toMatchObject({
    reason: 'network.bridge-running',
    message: expect.stringContaining(`stop ${name} first`),
  })
  await t.remove(id)
  for (const [bridge, reason] of [
    [{ subnet: '127.0.0.1/16' }, 'network.overlaps'],
    [{ subnet: '10.214.5.7' }, 'network.invalid-subnet'],
    [{ mtu: 20 }, 'network.invalid-option'],
    [{ enableIPv6: true, ipv6Subnet: 'fd00::/127' }, 'network.invalid-subnet'],
    [{ subnet: 'fd00::/64' }, 'network.invalid-subnet'],
    [{ enableIPv6: true, ipv6Subnet: '10.214.5.0/24' }, 'network.invalid-subnet'],
  ] as const)
    await expect(set(bridge), JSON.stringify(bridge)).rejects.toMatchObject({ reason })
  expect({ ...(await shown()), endpoints: [] }).toEqual({ ...before, endpoints: [] })
  expect((await t.handlers().network.settings({}, { signal })).bridge).toEqual(DefaultBridge.parse({}))
})

it('is as the settings’ file says from the next start of the engine on', async () => {
  await set({ mtu: 1400 })
  const file = path.join(t.test.config.root, 'network.json')
  const written = JSON.parse(await readFile(file, 'utf8'))
  expect(written.bridge).toMatchObject({ mtu: 1400 })
  await writeFile(file, JSON.stringify({ bridge: { subnet: '10.214.6.1/24' } }))
  await t.test.restart()
  expect(await shown()).toMatchObject({ subnet: '10.214.6.0/24', gateway: '10.214.6.1', options: {} })
  expect(await t.exec((await t.run()).id, 'ip route')).toContain('default via 10.214.6.1')
})
