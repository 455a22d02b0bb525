import { describe, expect, it } from 'vitest'
import { DefaultBridge } from '../../../../engine/contract/network.ts'
import { planDefaultBridge } from '../../../../engine/service/network/default-bridge.ts'
import { networkOf } from './context.ts'

const pool = (subnet: string, gateway: string) => ({
  subnet,
  gateway,
  ipRange: '',
  auxiliary: [],
  auxiliaryNames: {},
  lastAddress: gateway,
})
const current = networkOf({ name: 'bridge', id: 'ab'.repeat(32), ipv4: pool('172.17.0.0/24', '172.17.0.1') })
const plan = (settings: Partial<DefaultBridge>, taken: readonly string[] = [], now = current) =>
  planDefaultBridge(now, DefaultBridge.parse(settings), taken)

describe('the default network', () => {
  it('is as it was while nothing is set and nobody else has its addresses', () => {
    expect(plan({}, ['10.0.0.0/8', '172.18.0.0/16'])).toEqual(current)
    expect(plan({ subnet: '172.17.0.0/24' })).toEqual(current)
  })

  it('gives way to another engine that has its addresses now, but not with those that are set', () => {
    expect(plan({}, ['172.17.0.0/16']).ipv4).toMatchObject({ subnet: '172.18.0.0/24', gateway: '172.18.0.1' })
    expect(plan({}, ['172.17.0.1/24']).ipv4).toMatchObject({ subnet: '172.17.1.0/24' })
    expect(() => plan({ subnet: '172.17.0.0/24' }, ['172.17.0.0/16'])).toThrow('172.17.0.0/24 meets 172.17.0.0/16')
  })

  it('keeps the IPv6 subnet that was chosen as long as it is on', () => {
    const on = plan({ enableIPv6: true })
    expect(on.ipv6?.subnet).toBe('fdab:abab:abab:abab::/64')
    expect(plan({ enableIPv6: true }, [], on)).toEqual(on)
    expect(plan({ enableIPv6: true, ipv6Subnet: 'fd00::7/64' }, [], on).ipv6).toMatchObject({ gateway: 'fd00::7' })
    expect(plan({}, [], on).ipv6).toBeNull()
  })
})
