import { describe, expect, it } from 'vitest'
import {
  choosePool,
  choosePool6,
  claimAddress,
  contains,
  isOverlapping,
  narrowRoutes,
  nextAddress,
  parseSubnet,
  routesOf,
} from '../../../engine/network/ipam.ts'

const pool = { subnet: '172.17.0.0/29', gateway: '172.17.0.1', ipRange: '', auxiliary: [], lastAddress: '' }

describe('address management', () => {
  it('hands out addresses in order and leaves the gateway out', () => {
    expect(nextAddress(pool, new Set())).toBe('172.17.0.2')
    expect(nextAddress({ ...pool, lastAddress: '172.17.0.2' }, new Set())).toBe('172.17.0.3')
  })

  it('does not use a freed address at once, but wraps round in the end', () => {
    expect(nextAddress({ ...pool, lastAddress: '172.17.0.6' }, new Set(['172.17.0.3']))).toBe('172.17.0.2')
  })

  it('says so when no address is left', () => {
    const used = new Set(['2', '3', '4', '5', '6'].map((last) => `172.17.0.${last}`))
    expect(() => nextAddress(pool, used)).toThrow('no free address is left in 172.17.0.0/29')
  })

  it('never chooses a pool that meets a subnet in use', () => {
    const taken = ['172.17.0.0/16', '10.0.0.0/8']
    const chosen = choosePool(taken)
    expect(taken.some((subnet) => isOverlapping(subnet, chosen))).toBe(false)
  })

  it('takes another private range when one is led to as a whole, and says so when none is left', () => {
    const ranges = ['172.16.0.0/12', '192.168.0.0/16', '10.0.0.0/8']
    expect(choosePool(ranges.slice(0, 1))).toBe('192.168.0.0/24')
    expect(choosePool(ranges.slice(0, 2))).toBe('10.0.1.0/24')
    expect(() => choosePool(ranges)).toThrow('routes that cover all private addresses')
  })

  it('keeps to the range within the subnet, and away from addresses of others', () => {
    const narrow = { ...pool, subnet: '172.17.0.0/24', ipRange: '172.17.0.128/30', auxiliary: ['172.17.0.129'] }
    expect(nextAddress(narrow, new Set())).toBe('172.17.0.128')
    expect(nextAddress({ ...narrow, lastAddress: '172.17.0.128' }, new Set())).toBe('172.17.0.130')
  })

  it('hands out IPv6 addresses from subnets of any size', () => {
    const six = { ...pool, subnet: 'fd00:1::/64', gateway: 'fd00:1::1' }
    expect(nextAddress(six, new Set())).toBe('fd00:1::2')
    expect(nextAddress({ ...six, lastAddress: 'fd00:1::2' }, new Set(['fd00:1::3']))).toBe('fd00:1::4')
  })

  it('gives an address that is asked for unless it is taken, outside or nobody’s', () => {
    expect(claimAddress(pool, '172.17.0.5', new Set())).toBe('172.17.0.5')
    expect(() => claimAddress(pool, '172.17.0.5', new Set(['172.17.0.5']))).toThrow('already in use')
    expect(() => claimAddress(pool, '172.17.0.1', new Set())).toThrow('already in use')
    for (const wanted of ['172.17.0.7', '172.17.0.0', '10.0.0.1', 'fd00::1'])
      expect(() => claimAddress(pool, wanted, new Set())).toThrow('no configured subnet contains')
    expect(() => claimAddress(pool, '172.17.0.999', new Set())).toThrow('invalid address')
  })

  it('refuses what is no subnet', () => {
    for (const text of ['', '10.0.0.0', '10.0.0.0/33', '10.0.0/8', '10.0.0.0/8/8', 'x/8', 'fd00::/129', '10.0.0.0/-1'])
      expect(() => parseSubnet(text), text).toThrow(/invalid/)
  })

  it('reads the routes of this machine without the default one, nor those by which a VPN takes its place', () => {
    const table = `Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
tun0\t00000000\t0200630A\t0003\t0\t0\t0\t00000080\t0\t0\t0
tun0\t00000080\t0200630A\t0003\t0\t0\t0\t00000080\t0\t0\t0
tun0\t0000000A\t0200630A\t0003\t0\t0\t0\t000000FF\t0\t0\t0
`
    expect(routesOf(table)).toEqual([
      { subnet: '192.168.0.0/24', interface: 'eth0' },
      { subnet: '10.0.0.0/8', interface: 'tun0' },
    ])
  })

  it('takes no route for everything, or for everything private, as a reason to keep away', () => {
    const wide = ['0.0.0.0/1', '::/1', 'fc00::/7', 'fd00::/8']
    const narrow = ['10.0.0.0/8', 'fd00::/16', 'fd7a:115c:a1e0::/48']
    const routes = [...wide, ...narrow].map((subnet) => ({ subnet }))
    expect(narrowRoutes(routes).map(({ subnet }) => subnet)).toEqual(narrow)
  })

  it('chooses an IPv6 subnet that follows from the network’s id and meets none in use', () => {
    const id = '0123456789abcdef'.repeat(4)
    expect(choosePool6(id, [])).toBe('fd01:2345:6789:abcd::/64')
    expect(choosePool6(id, ['fd01:2345::/32', '10.0.0.0/8'])).toBe('fd12:3456:789a:bcde::/64')
    expect(() => choosePool6(id, ['fc00::/7'])).toThrow('no IPv6 subnet is free')
  })

  it('knows what lies within a subnet', () => {
    expect(contains('10.0.0.0/8', '10.200.0.0/16')).toBe(true)
    expect(contains('10.0.0.0/16', '10.0.0.0/8')).toBe(false)
    expect(contains('10.0.0.0/8', '::1')).toBe(false)
  })
})
