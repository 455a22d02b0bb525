import { expect, it } from 'vitest'
import { nextAddress } from '../../../../engine/network/ipam.ts'
import { NO_POOL, planPool } from '../../../../engine/service/network/pools.ts'

it('an auxiliary address is not given out, however it was written', () => {
  const request = { ...NO_POOL, subnet: 'FD00:0::/64', auxiliary: { router: 'FD00:0:0::0002' } }
  const pool = planPool(request, [])
  expect(pool.gateway).toBe('fd00::1')
  expect(nextAddress(pool, new Set())).toBe('fd00::3')
})
