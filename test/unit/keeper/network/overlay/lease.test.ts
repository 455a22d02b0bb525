import { afterEach, expect, it, vi } from 'vitest'
import { createLeaseKeeper } from '../../../../../engine/keeper/network/overlay/lease.ts'

afterEach(() => vi.useRealTimers())

it('a lease is renewed at the first address that answers', async () => {
  const asked: string[] = []
  const keeper = createLeaseKeeper(async (url, init) => {
    asked.push(`${String(url)} ${String(init?.body)}`)
    if (asked.length === 1) throw new Error('no answer')
    return new Response('{}')
  })
  await keeper.keepLease({ endpoints: ['http://a:1', 'http://b:2', 'http://c:3'], leaseId: '7', seconds: 10 })
  keeper.stop()
  expect(asked).toEqual(['a:1', 'b:2'].map((host) => `http://${host}/v3/lease/keepalive {"ID":"7"}`))
})

it.each([2, 5, 10, 60])(
  'a lease of %i seconds is renewed each third of its time, until it is let go',
  async (seconds) => {
    vi.useFakeTimers()
    let count = 0
    const keeper = createLeaseKeeper(async () => {
      count += 1
      return new Response('{}')
    })
    await keeper.keepLease({ endpoints: ['http://a:1'], leaseId: '7', seconds })
    const thirdMs = Math.floor((seconds * 1000) / 3)
    for (const renewals of [1, 2, 3]) {
      await vi.advanceTimersByTimeAsync(thirdMs - 5)
      expect(count).toBe(renewals)
      await vi.advanceTimersByTimeAsync(6)
      expect(count).toBe(renewals + 1)
    }
    keeper.stop()
    await vi.advanceTimersByTimeAsync(seconds * 1000)
    expect(count).toBe(4)
  },
)
