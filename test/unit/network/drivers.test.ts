import { describe, expect, it } from 'vitest'
import type { Host } from '../../../engine/host/host.ts'
import { bridgeName, bridgeParams, hostInterfaceName } from '../../../engine/network/bridge.ts'
import { modeOf } from '../../../engine/network/child-link.ts'
import { type Member, OPTION, pickDefault } from '../../../engine/network/driver.ts'
import { createNetworks } from '../../../engine/network/networks.ts'
import type { EndpointRecord, NetworkRecord } from '../../../engine/store/schema.ts'

const pool = {
  subnet: '10.0.0.0/24',
  gateway: '10.0.0.1',
  ipRange: '',
  auxiliary: [],
  auxiliaryNames: {},
  lastAddress: '',
}
const network = (over: Partial<NetworkRecord> = {}): NetworkRecord => ({
  version: 1,
  id: 'abcdef0123456789',
  name: 'n',
  driver: 'bridge',
  createdAt: '',
  interface: 'br-1',
  ipv4: pool,
  ipv6: null,
  isInternal: false,
  options: {},
  labels: {},
  ...over,
})
const member = (name: string, over: Partial<EndpointRecord> = {}, of: Partial<NetworkRecord> = {}): Member => ({
  network: network({ name, ...of }),
  endpoint: {
    network: name,
    interface: 'eth0',
    ipAddress: '10.0.0.2',
    prefix: 24,
    gateway: '10.0.0.1',
    ipv6Address: '',
    ipv6Prefix: 0,
    ipv6Gateway: '',
    macAddress: '02:42:0a:00:00:02',
    aliases: [],
    links: [],
    priority: 0,
    requested: { ipAddress: '', ipv6Address: '' },
    ...over,
  },
})
const L3 = { [OPTION.ipvlanMode]: 'l3' }

describe('the bridge driver', () => {
  it('names interfaces that Linux takes', () => {
    expect(bridgeName(network())).toBe('br-abcdef012345')
    expect(hostInterfaceName('0123456789abcdef', 'eth10')).toBe('veth0123456710')
    for (const name of ['sixteen-letters-', 'a b', '..'])
      expect(() => bridgeName(network({ options: { [OPTION.bridgeName]: name } })), name).toThrow('invalid bridge name')
  })

  it('passes its options on', () => {
    const options = { [OPTION.icc]: 'false', [OPTION.masquerade]: 'false', [OPTION.mtu]: '9000' }
    expect(bridgeParams(network({ options }))).toMatchObject({
      addresses: ['10.0.0.1/24'],
      subnets: ['10.0.0.0/24'],
      mtu: 9000,
      masquerade: false,
      isOpenWithin: false,
    })
    const inhibited = network({ options: { [OPTION.inhibitIpv4]: 'true', [OPTION.gatewayMode]: 'routed' } })
    expect(bridgeParams(inhibited)).toMatchObject({ addresses: [], gatewayModes: { ip: 'routed', ip6: 'nat' } })
  })
})

describe('macvlan and ipvlan', () => {
  it('have modes of their own', () => {
    expect(modeOf('macvlan', network())).toBe('bridge')
    expect(modeOf('ipvlan', network({ options: { [OPTION.ipvlanMode]: 'l3' } }))).toBe('l3')
    expect(() => modeOf('macvlan', network({ options: { [OPTION.macvlanMode]: 'l2' } }))).toThrow('no mode "l2"')
  })
})

describe('the default route', () => {
  it('is that of the highest priority, then of the first name, never of an internal network', () => {
    const [a, b] = [member('a'), member('b', { priority: 1 })]
    const inner = member('0', { priority: 9 }, { isInternal: true })
    expect(pickDefault([inner, a, b])).toBe(b)
    expect(pickDefault([member('z'), inner, a])).toBe(a)
    expect(pickDefault([inner])).toBeUndefined()
  })

  it('is given to one endpoint alone, and goes to another when that one leaves', async () => {
    const calls: unknown[] = []
    const note = (name: string) => async (params: object) => (calls.push({ name, ...params }), { netnsPath: '' })
    const host = { createSandbox: note('create'), detachEndpoint: note('detach') } as unknown as Host
    const [a, b] = [member('a'), member('b', { interface: 'eth1', gateway: '10.1.0.1' })]
    await createNetworks(host, () => '').createSandbox('0123456789ab', [a, b])
    await createNetworks(host, () => '').detach('0123456789ab', a, [b])
    expect(calls).toMatchObject([
      { name: 'create', endpoints: [{ routes: ['default via 10.0.0.1'] }, { routes: [] }] },
      { name: 'detach', containerInterface: 'eth0', routes: ['default via 10.1.0.1'] },
    ])
  })

  it('of each version is that of a network that has the version', async () => {
    const created: unknown[] = []
    const host = {
      createSandbox: async ({ endpoints }: { endpoints: { routes: string[] }[] }) => {
        created.push(endpoints.map(({ routes }) => routes))
        return { netnsPath: '' }
      },
      detachEndpoint: async ({ routes }: { routes: string[] }) => void created.push(routes),
    } as unknown as Host
    const { createSandbox, detach } = createNetworks(host, () => '')
    const bridge = member('bridge')
    const dual = member('dual', { interface: 'eth1', gateway: '10.1.0.1', ipv6Gateway: 'fd00::1' })
    const direct = member('direct', { interface: 'eth2', gateway: '' }, { driver: 'ipvlan', options: L3 })
    await createSandbox('0123456789ab', [bridge, dual])
    await createSandbox('0123456789ab', [direct, { ...dual, endpoint: { ...dual.endpoint, priority: -1 } }])
    await detach('0123456789ab', direct, [bridge, dual])
    expect(created).toEqual([
      [['default via 10.0.0.1'], ['default via fd00::1']],
      [['default dev eth2'], ['default via fd00::1']],
      ['default via 10.0.0.1', 'default via fd00::1'],
    ])
  })
})
