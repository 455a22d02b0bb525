import { describe, expect, it } from 'vitest'
import { choosePool } from '../../../engine/network/ipam.ts'
import { chooseVni, deriveEncryption, isEncrypted, overlayMtu, vniOf } from '../../../engine/network/overlay.ts'
import { NO_POOL, planPool } from '../../../engine/service/network/pools.ts'

const options = (of: Record<string, string>) => ({ options: of, ipv6: null })
const MTU = 'com.docker.network.driver.mtu'
const VNI = 'com.docker.network.driver.overlay.vxlanid_list'

describe('options of an overlay network', () => {
  it('take the headers off the MTU between the hosts', () => {
    expect(overlayMtu(options({}))).toBe(1450)
    expect(overlayMtu(options({ encrypted: '' }))).toBe(1412)
    expect(overlayMtu(options({ [MTU]: '9000' }))).toBe(8950)
    expect(overlayMtu(options({}), true)).toBe(1430)
    expect(() => overlayMtu(options({ [MTU]: '100' }))).toThrow('leaves 50 bytes')
    const ipv6 = planPool({ ...NO_POOL, subnet: 'fd00::/64' }, [])
    expect(overlayMtu({ options: { [MTU]: '1330' }, ipv6 })).toBe(1280)
    expect(() => overlayMtu({ options: { [MTU]: '1329' }, ipv6 })).toThrow('leaves 1279 bytes to containers, and IPv6')
  })

  it('have one VXLAN id, the one asked for or the first that is free', () => {
    expect(vniOf(options({ [VNI]: '5000' }))).toBe(5000)
    for (const text of ['0', '16777215', '1,2', 'x', '-1'])
      expect(() => vniOf(options({ [VNI]: text }))).toThrow('VXLAN id')
    expect(chooseVni(0, new Set([4097, 4098]))).toBe(4099)
    expect(() => chooseVni(5000, new Set([5000]))).toThrow('in use')
  })

  it('are encrypted as Docker reads it', () => {
    const all: Record<string, string>[] = [{}, { encrypted: '' }, { encrypted: 'true' }, { encrypted: 'false' }]
    expect(all.map((one) => isEncrypted(options(one)))).toEqual([false, true, true, false])
  })

  it('give a subnet of 10.0.0.0/8 by themselves', () => {
    expect(choosePool([], 'global')).toBe('10.0.1.0/24')
    expect(choosePool(['10.0.0.0/16'], 'global')).toBe('10.1.0.0/24')
  })
})

it('two hosts derive the same keys, which change when one of them is started anew', () => {
  const key = '00'.repeat(32)
  const a = { id: 'a', boot: '1', address: '10.0.0.1' }
  const b = { id: 'b', boot: '1', address: '10.0.0.2' }
  const [fromA, fromB] = [deriveEncryption(key, a, b), deriveEncryption(key, b, a)]
  expect(fromA).toMatchObject({ host: b.address, keyOut: fromB.keyIn, keyIn: fromB.keyOut, spiOut: fromB.spiIn })
  expect(fromA.keyOut).toMatch(/^[0-9a-f]{72}$/)
  expect(fromA.keyOut).not.toBe(fromA.keyIn)
  expect(deriveEncryption(key, a, { ...b, boot: '2' }).keyOut).not.toBe(fromA.keyOut)
})
