import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CreateNetwork, EndpointSpec } from '../../../engine/contract/network.ts'
import { type NetworkTest, startNetworkTest } from '../../helpers/containers.ts'
import { enterNetworkOf } from '../../helpers/inside.ts'

const linksBefore = readdirSync('/sys/class/net')

const context = { signal: new AbortController().signal }
const isRoot = process.getuid?.() === 0
let t: NetworkTest
const networks = () => t.handlers().network
const createNetwork = (input: { name: string } & Record<string, unknown>) =>
  networks().create(CreateNetwork.parse(input), context)
const subnet = (cidr: string, more: object = {}) => ({ pools: [{ subnet: cidr, ...more }] })
const endpoint = (input: object = {}) => EndpointSpec.omit({ network: true }).parse(input)
/** A container's interface as the kernel has it. */
const linkIn = (pid: number) => {
  const [command = '', ...args] = [...enterNetworkOf(pid, t.test.config.mode), 'ip', '-d', '-j', 'link', 'show', 'eth0']
  return JSON.parse(execFileSync(command, args, { encoding: 'utf8' }))[0]
}
const canReach = (id: string, address: string) =>
  t.exec(id, `ping -c 1 -W 1 ${address} >/dev/null 2>&1 && echo yes || echo no`)

beforeAll(async () => {
  t = await startNetworkTest()
})
afterAll(() => t?.test.destroy())

it('an overlay network needs a cluster store, or in rootless mode a root, and says so', async () => {
  await expect(createNetwork({ name: 'far', driver: 'overlay' })).rejects.toMatchObject(
    isRoot
      ? { reason: 'cluster.not-configured', message: expect.stringContaining('--cluster-store') }
      : { reason: 'network.overlay-rootless', message: expect.stringContaining('run the engine as root') },
  )
  expect((await networks().list({}, context)).map(({ name, scope }) => `${name} ${scope}`)).toEqual(
    ['bridge', 'host', 'none'].map((name) => `${name} local`),
  )
})

describe('a network of the user’s', () => {
  it('gives its addresses and takes them back when it is removed', async () => {
    const { id } = await createNetwork({
      name: 'one',
      ...subnet('10.213.1.0/24', { gateway: '10.213.1.254' }),
      labels: { a: 'b' },
    })
    const { ipAddress, networks: places } = await t.run({ network: 'one', name: 'on-one' })
    expect(ipAddress).toBe('10.213.1.1')
    expect(places[0]).toMatchObject({ network: 'one', networkId: id, gateway: '10.213.1.254', prefix: 24 })
    const shown = await networks().inspect({ id: id.slice(0, 12) }, context)
    expect(shown).toMatchObject({ name: 'one', subnet: '10.213.1.0/24', labels: { a: 'b' }, isInternal: false })
    expect(shown.endpoints).toMatchObject([{ name: 'on-one', ipAddress: '10.213.1.1', isRunning: true }])
    await expect(networks().remove({ id: 'one' }, context)).rejects.toMatchObject({ reason: 'network.in-use' })
    await t.remove('on-one')
    await networks().remove({ id: 'one' }, context)
    await expect(networks().inspect({ id: 'one' }, context)).rejects.toMatchObject({ reason: 'network.not-found' })
  })

  it('keeps its containers apart from those on others', async () => {
    await createNetwork({ name: 'left' })
    await createNetwork({ name: 'right' })
    const [a, b, c] = await Promise.all([
      t.run({ network: 'left' }),
      t.run({ network: 'left' }),
      t.run({ network: 'right' }),
    ])
    expect(await canReach(a.id, b.ipAddress)).toBe('yes\n')
    expect(await canReach(a.id, c.ipAddress)).toBe('no\n')
    await networks().connect({ id: 'right', container: a.id, endpoint: endpoint() }, context)
    expect(await canReach(a.id, c.ipAddress)).toBe('yes\n')
    expect((await t.exec(a.id, 'ip -o link')).match(/eth[01]@/g)).toEqual(['eth0@', 'eth1@'])
    await networks().disconnect({ id: 'left', container: a.id, force: false }, context)
    expect(await canReach(a.id, b.ipAddress)).toBe('no\n')
    const gateway = (await networks().inspect({ id: 'right' }, context)).gateway
    expect(await t.exec(a.id, 'ip route')).toContain(`default via ${gateway} dev eth1`)
    await Promise.all([a, b, c].map(({ id }) => t.remove(id)))
    expect((await networks().prune({ labels: [] }, context)).removed.sort()).toEqual(['left', 'right'])
  })

  it('has addresses of both versions when that was asked', async () => {
    await createNetwork({ name: 'dual', enableIPv6: true })
    const [a, b] = [await t.run({ network: 'dual' }), await t.run({ network: 'dual' })]
    expect(b.networks[0]?.ipv6Address).toMatch(/^fd/)
    expect(await canReach(a.id, b.networks[0]?.ipv6Address ?? '')).toBe('yes\n')
    await Promise.all([a, b].map(({ id }) => t.remove(id)))
    await networks().remove({ id: 'dual' }, context)
  })

  it('without IPv6 gives its containers none on it, and leaves them their loopback', async () => {
    const addresses = (id: string) => t.exec(id, 'cat /proc/net/if_inet6')
    await createNetwork({ name: 'four' })
    await createNetwork({ name: 'four-mac', driver: 'macvlan' })
    await createNetwork({ name: 'both', enableIPv6: true })
    const [bridged, child] = [await t.run({ network: 'four' }), await t.run({ network: 'four-mac' })]
    await networks().connect({ id: 'both', container: bridged.id, endpoint: endpoint() }, context)
    for (const { id } of [bridged, child]) {
      const found = await addresses(id)
      expect(found).toMatch(/^0{31}1 .* lo$/m)
      expect(found).not.toMatch(/ eth0$/m)
    }
    expect(await addresses(bridged.id)).toMatch(/^fd.* eth1$/m)
    await Promise.all([bridged, child].map(({ id }) => t.remove(id)))
    for (const id of ['four', 'four-mac', 'both']) await networks().remove({ id }, context)
  })

  it('that is internal has no way out, and one without icc none within', async () => {
    await createNetwork({ name: 'inner', isInternal: true })
    await createNetwork({ name: 'apart', options: { 'com.docker.network.bridge.enable_icc': 'false' } })
    const inner = await t.run({ network: 'inner' })
    expect(await t.exec(inner.id, 'ip route | grep default || true')).toBe('')
    const [a, b] = [await t.run({ network: 'apart' }), await t.run({ network: 'apart' })]
    expect(await canReach(a.id, b.ipAddress)).toBe('no\n')
    await Promise.all([inner, a, b].map(({ id }) => t.remove(id)))
    for (const id of ['inner', 'apart']) await networks().remove({ id }, context)
  })

  it('gives the address that is asked for, once', async () => {
    await createNetwork({ name: 'asked', ...subnet('10.213.2.0/24', { ipRange: '10.213.2.128/25' }) })
    const at = (ipAddress: string) => ({ network: 'asked', endpoints: [{ network: 'asked', ipAddress }] })
    const first = await t.run(at('10.213.2.9'))
    expect(await t.exec(first.id, 'ip -4 -o addr show eth0')).toContain('10.213.2.9/24')
    await expect(t.run(at('10.213.2.9'))).rejects.toMatchObject({ reason: 'network.address-in-use' })
    await expect(t.create(at('10.9.9.9'))).rejects.toMatchObject({ reason: 'network.address-outside' })
    await expect(t.create({ endpoints: [{ network: 'bridge', ipAddress: '172.17.0.99' }] })).rejects.toMatchObject({
      reason: 'network.default-address',
    })
    expect((await t.run({ network: 'asked' })).ipAddress).toBe('10.213.2.128')
    for (const { containerId } of (await networks().inspect({ id: 'asked' }, context)).endpoints)
      await t.remove(containerId)
    await networks().remove({ id: 'asked' }, context)
  })

  it('is as large as what runs on it: containers that do not run hold no address', async () => {
    await createNetwork({ name: 'small', ...subnet('10.213.5.0/30') })
    const { container } = t.test.engine.handlers
    const start = (id: string) => container.start({ id }, context)
    const stop = (id: string) => container.stop({ id, timeoutSeconds: 0 }, context)
    const first = await t.run({ network: 'small' })
    const second = await t.create({ network: 'small' })
    expect(first.ipAddress).toBe('10.213.5.2')
    await expect(start(second)).rejects.toMatchObject({ reason: 'network.exhausted' })
    await stop(first.id)
    await start(second)
    expect(await t.exec(second, 'ip -4 -o addr show eth0')).toContain('10.213.5.2/30')
    await expect(start(first.id)).rejects.toMatchObject({ reason: 'network.exhausted' })
    await stop(second)
    await start(first.id)
    expect(await t.exec(first.id, 'ip -4 -o addr show eth0')).toContain('10.213.5.2/30')
    await Promise.all([first.id, second].map((id) => t.remove(id)))
    await networks().remove({ id: 'small' }, context)
  })

  it('survives the engine and the keeper with its containers on it', async () => {
    await createNetwork({ name: 'lasting' })
    const [a, b] = [await t.run({ network: 'lasting' }), await t.run({ network: 'lasting' })]
    await t.test.restart()
    expect(await canReach(a.id, b.ipAddress)).toBe('yes\n')
    const c = await t.run({ network: 'lasting' })
    expect(await canReach(c.id, b.ipAddress)).toBe('yes\n')
    await Promise.all([a, b, c].map(({ id }) => t.remove(id)))
    await networks().remove({ id: 'lasting' }, context)
  })

  it.skipIf(!isRoot)('is mended when somebody deleted its bridge (needs root to see the bridge)', async () => {
    const { id } = await createNetwork({ name: 'broken' })
    execFileSync('ip', ['link', 'delete', `br-${id.slice(0, 12)}`])
    const [a, b] = [await t.run({ network: 'broken' }), await t.run({ network: 'broken' })]
    expect(await canReach(a.id, b.ipAddress)).toBe('yes\n')
    await Promise.all([a, b].map((container) => t.remove(container.id)))
    await networks().remove({ id: 'broken' }, context)
  })

  it('is refused when what was asked cannot be', async () => {
    await createNetwork({ name: 'taken', ...subnet('10.213.3.0/24') })
    const refusals = [
      [{ name: 'taken' }, 'network.name-in-use'],
      [{ name: 'x y' }, 'name.invalid'],
      [{ name: 'bridge' }, 'network.predefined'],
      [{ name: 'n1', ...subnet('10.213.3.128/25') }, 'network.overlaps'],
      [{ name: 'n1', ...subnet('127.0.0.0/24') }, 'network.overlaps'],
      [{ name: 'n1', ...subnet('10.213.300.0/24') }, 'network.invalid-address'],
      [{ name: 'n1', ...subnet('10.213.4.0/33') }, 'network.invalid-subnet'],
      [{ name: 'n1', ...subnet('10.213.4.0/24', { gateway: '10.9.0.1' }) }, 'network.address-outside'],
      [{ name: 'n1', ...subnet('10.213.4.0/24', { ipRange: '10.9.0.0/25' }) }, 'network.invalid-range'],
      [
        { name: 'n1', options: { 'com.docker.network.bridge.name': 'a-name-too-long-for-linux' } },
        'network.invalid-option',
      ],
      [{ name: 'n1', options: { 'com.docker.network.driver.mtu': 'big' } }, 'network.invalid-option'],
      [{ name: 'n1', driver: 'nonsense' }, 'network.no-such-driver'],
      [
        { name: 'n1', driver: 'macvlan', options: { parent: 'nosuchcard' } },
        isRoot ? 'network.parent-missing' : 'network.parent-unreachable',
      ],
    ] as const
    for (const [input, reason] of refusals)
      await expect(createNetwork(input), JSON.stringify(input)).rejects.toMatchObject({ reason })
    await networks().remove({ id: 'taken' }, context)
    await expect(networks().remove({ id: 'bridge' }, context)).rejects.toMatchObject({ reason: 'network.predefined' })
  })
})

describe('the other drivers', () => {
  it('host: shares this machine’s network', async () => {
    const lines = await t.shell('ip -o link; cat /etc/resolv.conf', { network: 'host' })
    const own = execFileSync('ip', ['-o', 'link']).toString()
    expect(lines.join('\n')).toContain(/^\d+: lo:/m.exec(own)?.[0] ?? 'lo')
    expect(await t.shell('readlink /proc/self/ns/net', { network: 'host' })).toEqual([
      execFileSync('readlink', ['/proc/self/ns/net']).toString().trim(),
    ])
  })

  it('none: has loopback alone', async () => {
    expect(await t.shell('ip -o link | grep -c .', { network: 'none' })).toEqual(['1'])
  })

  it('container: shares interfaces and files with the other, and is refused what would be the other’s', async () => {
    const other = await t.run({ name: 'shared' })
    const [own, inside] = [await t.run({ network: 'container:shared' }), `${other.ipAddress}/`]
    expect(await t.exec(own.id, 'ip -4 -o addr show eth0')).toContain(inside)
    expect(own.hostsPath).toBe(other.hostsPath)
    await expect(t.create({ network: 'container:shared', ports: [{ containerPort: 80 }] })).rejects.toMatchObject({
      reason: 'network.conflicting-options',
    })
    await expect(t.create({ network: 'container:nobody' })).rejects.toMatchObject({ reason: 'container.not-found' })
    await Promise.all([own, other].map(({ id }) => t.remove(id)))
  })

  it('macvlan without a parent: containers reach each other and nothing else', async () => {
    await createNetwork({ name: 'mac', driver: 'macvlan' })
    const [a, b] = [await t.run({ network: 'mac' }), await t.run({ network: 'mac' })]
    expect(await t.exec(a.id, 'ip -d -o link show eth0 || ip -o link show eth0')).toContain(a.macAddress)
    expect(await canReach(a.id, b.ipAddress)).toBe('yes\n')
    expect(await t.exec(a.id, 'ip route | grep default || true')).toBe('')
    await Promise.all([a, b].map(({ id }) => t.remove(id)))
    await networks().remove({ id: 'mac' }, context)
  })

  it.each([
    ['bridge', true],
    ['private', false],
    ['vepa', false],
  ] as const)(
    'macvlan in mode %s is such a device, and that decides whether containers reach each other',
    async (mode, isOpen) => {
      await createNetwork({ name: 'mode', driver: 'macvlan', options: { macvlan_mode: mode } })
      const [a, b] = [await t.run({ network: 'mode' }), await t.run({ network: 'mode' })]
      for (const { pid, macAddress } of [a, b])
        expect(linkIn(pid)).toMatchObject({
          address: macAddress,
          linkinfo: { info_kind: 'macvlan', info_data: { mode } },
        })
      expect(await canReach(a.id, b.ipAddress)).toBe(isOpen ? 'yes\n' : 'no\n')
      await Promise.all([a, b].map(({ id }) => t.remove(id)))
      await networks().remove({ id: 'mode' }, context)
    },
  )

  it('macvlan in mode passthru has room for one container, and there is no other mode', async () => {
    await createNetwork({ name: 'mode', driver: 'macvlan', options: { macvlan_mode: 'passthru' } })
    const { id, pid } = await t.run({ network: 'mode' })
    expect(linkIn(pid)).toMatchObject({ linkinfo: { info_kind: 'macvlan', info_data: { mode: 'passthru' } } })
    await expect(t.run({ network: 'mode' })).rejects.toThrow(/macvlan/)
    await t.remove(id)
    for (const { id: left } of await t.handlers().container.list({ all: true }, context)) await t.remove(left)
    await networks().remove({ id: 'mode' }, context)
    await expect(
      createNetwork({ name: 'mode', driver: 'macvlan', options: { macvlan_mode: 'odd' } }),
    ).rejects.toMatchObject({ reason: 'network.invalid-option' })
  })

  it('ipvlan: works, or says that this kernel has none', async () => {
    try {
      await createNetwork({ name: 'ipv', driver: 'ipvlan' })
    } catch (error) {
      expect(error).toMatchObject({ reason: 'network.driver-missing', message: expect.stringContaining('ipvlan') })
      return
    }
    const [a, b] = [await t.run({ network: 'ipv' }), await t.run({ network: 'ipv' })]
    expect(await canReach(a.id, b.ipAddress)).toBe('yes\n')
    await Promise.all([a, b].map(({ id }) => t.remove(id)))
    await networks().remove({ id: 'ipv' }, context)
  })
})

describe('what networks leave behind', () => {
  it('is nothing', async () => {
    expect((await networks().list({}, context)).map(({ name }) => name)).toEqual(['bridge', 'host', 'none'])
    if (isRoot) {
      const isNew = (name: string) => /^(br|dm)-[0-9a-f]{12}$/.test(name) && !linksBefore.includes(name)
      expect(readdirSync('/sys/class/net').filter(isNew)).toEqual([])
    }
  })
})
