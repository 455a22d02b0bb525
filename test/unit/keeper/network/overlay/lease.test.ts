import { expect, it } from 'vitest'
import { createLeaseKeeper } from '../../../../../engine/keeper/network/overlay/lease.ts'

it.each([2, 5, 10, 60])('a lease of %i seconds is renewed at the first address that answers', async (seconds) => {
  const asked: string[] = []
  const keeper = createLeaseKeeper(async (url, init) => {
    asked.push(`${String(url)} ${String(init?.body)}`)
    if (asked.length === 1) throw new Error('no answer')
    return new Response('{}')
  })
  await keeper.keepLease({ endpoints: ['http://a:1', 'http://b:2', 'http://c:3'], leaseId: '7', seconds })
  keeper.stop()
  expect(asked).toEqual(['a:1', 'b:2'].map((host) => `http://${host}/v3/lease/keepalive {"ID":"7"}`))
})
