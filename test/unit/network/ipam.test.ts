import { describe, expect, it } from 'vitest'
import { choosePool, isOverlapping, nextAddress } from '../../../engine/network/ipam.ts'

const pool = { subnet: '172.17.0.0/29', gateway: '172.17.0.1', lastAddress: '' }

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
})
