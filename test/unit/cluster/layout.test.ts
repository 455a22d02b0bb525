import { describe, expect, it } from 'vitest'
import { addressKey, endpointKey, hostKey, networkKey, PREFIX, parseEntry } from '../../../engine/cluster/layout.ts'
import { createSnapshot } from '../../../engine/cluster/snapshot.ts'

const NETWORK = 'a'.repeat(64)
const CONTAINER = 'c'.repeat(64)
const [SELF, OTHER] = ['1'.repeat(16), '2'.repeat(16)]
const endpoint = { host: OTHER, name: 'web', ipv4: '10.0.1.5', ipv6: '', mac: '02:42:0a:00:01:05', names: ['web'] }
const pool = { subnet: '10.0.1.0/24', gateway: '10.0.1.1', ipRange: '', auxiliaryNames: {} }
const network = {
  id: NETWORK,
  name: 'net',
  createdAt: '',
  vni: 4097,
  ipv4: pool,
  ipv6: null,
  isInternal: false,
  isEncrypted: false,
  options: {},
  labels: {},
}
const put = (key: string, value: object) => ({ key, value: JSON.stringify(value), revision: '1' })

describe('a value of the store', () => {
  it.each([
    ['a MAC with a command behind it', endpointKey(NETWORK, CONTAINER), { ...endpoint, mac: '02:42:0a:00:01:05\nx' }],
    ['a MAC of nobody', endpointKey(NETWORK, CONTAINER), { ...endpoint, mac: '00:00:00:00:00:00' }],
    ['a MAC of a group', endpointKey(NETWORK, CONTAINER), { ...endpoint, mac: '01:00:5e:00:00:01' }],
    [
      'an IPv4 network with an IPv6 gateway',
      networkKey(NETWORK),
      { ...network, ipv4: { ...pool, gateway: 'fd00::1' } },
    ],
    ['an IPv6 network that is IPv4', networkKey(NETWORK), { ...network, ipv6: pool }],
    ['an address that is none', endpointKey(NETWORK, CONTAINER), { ...endpoint, ipv4: '10.0.1.5/24' }],
    ['a name with a space', endpointKey(NETWORK, CONTAINER), { ...endpoint, names: ['a b'] }],
    ['a port with more behind it', endpointKey(NETWORK, CONTAINER), { ...endpoint, ports: ['80/tcp x'] }],
    ['a host whose address is a name', hostKey(OTHER), { name: 'b', address: 'b.example', boot: '' }],
    ['an id that is none', hostKey('../etc'), { name: 'b', address: '10.0.0.2', boot: '' }],
    ['an address in the key that is none', addressKey(NETWORK, 'x'), { host: OTHER, container: CONTAINER }],
    ['a network without addresses', networkKey(NETWORK), { id: NETWORK, ipv4: null, ipv6: null }],
    ['a longer key', `${hostKey(OTHER)}/x/y`, {}],
    ['another kind', `${PREFIX}others/x`, {}],
  ])('is refused when it is %s', (_, key, value) => {
    expect(() => parseEntry(key, JSON.stringify(value))).toThrow()
  })
})

it('a network of the store is understood', () => {
  expect(parseEntry(networkKey(NETWORK), JSON.stringify(network))).toMatchObject({ kind: 'network', value: network })
})

describe('what is known of the cluster', () => {
  const self = { host: SELF, address: '10.0.0.1' }
  const full = () => {
    const bad: string[] = []
    const snapshot = createSnapshot((key) => bad.push(key))
    snapshot.replace([
      put(hostKey(OTHER), { name: 'b', address: '10.0.0.2', boot: '' }),
      put(addressKey(NETWORK, '10.0.1.5'), { host: OTHER, container: CONTAINER }),
      put(endpointKey(NETWORK, CONTAINER), endpoint),
    ])
    return { snapshot, bad }
  }

  it('leads to a container while its host and its address are there', () => {
    const { snapshot } = full()
    expect(snapshot.remotes(NETWORK, self)).toMatchObject([{ name: 'web', hostAddress: '10.0.0.2', hostName: 'b' }])
    expect(snapshot.delete(hostKey(OTHER))).toEqual(['*'])
    expect(snapshot.remotes(NETWORK, self)).toEqual([])
    expect(full().snapshot.remotes(NETWORK, { ...self, host: OTHER })).toEqual([])
    expect(full().snapshot.remotes(NETWORK, { ...self, address: '10.0.0.2' })).toEqual([])
  })

  it('does not lead to a container whose address another has', () => {
    const { snapshot } = full()
    snapshot.put(put(addressKey(NETWORK, '10.0.1.5'), { host: OTHER, container: 'd'.repeat(64) }))
    expect(snapshot.remotes(NETWORK, self)).toEqual([])
  })

  it('says which networks a change is about, and nothing when nothing changed', () => {
    const { snapshot, bad } = full()
    expect(snapshot.put(put(endpointKey(NETWORK, CONTAINER), endpoint))).toEqual([])
    expect(snapshot.put(put(endpointKey(NETWORK, CONTAINER), { ...endpoint, names: ['db'] }))).toEqual([NETWORK])
    expect(snapshot.put({ key: endpointKey(NETWORK, CONTAINER), value: '{', revision: '3' })).toEqual([NETWORK])
    expect(bad).toEqual([endpointKey(NETWORK, CONTAINER)])
    expect(snapshot.remotes(NETWORK, self)).toEqual([])
    expect(snapshot.replace([])).toEqual(['*', NETWORK])
  })
})
