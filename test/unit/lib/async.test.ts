import { describe, expect, it } from 'vitest'
import { createLocks, createPushQueue, sleep } from '../../../engine/lib/async.ts'

describe('locks', () => {
  it('run the work of one key in order, also after a failure', async () => {
    const locks = createLocks()
    const order: number[] = []
    const step = (n: number, fails = false) =>
      locks.withLock('k', async () => {
        await Promise.resolve()
        order.push(n)
        if (fails) throw new Error('x')
      })
    await Promise.allSettled([step(1), step(2, true), step(3)])
    expect(order).toEqual([1, 2, 3])
  })
})

describe('a sleep', () => {
  it('does not begin when its signal has fired already', async () => {
    const never = sleep(2 ** 30, AbortSignal.abort())
    await expect(never).resolves.toBeUndefined()
  })
})

describe('a push queue', () => {
  it('gives what was pushed before its end, then ends', async () => {
    const queue = createPushQueue<number>()
    queue.push(1)
    queue.push(2)
    queue.end()
    const seen: number[] = []
    for await (const value of queue) seen.push(value)
    expect(seen).toEqual([1, 2])
  })

  it('throws what it failed with after the values', async () => {
    const queue = createPushQueue<number>()
    queue.push(1)
    queue.fail(new Error('gone'))
    const read = async () => {
      for await (const _ of queue);
    }
    await expect(read()).rejects.toThrow('gone')
  })
})
