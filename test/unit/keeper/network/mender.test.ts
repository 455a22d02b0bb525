import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createMender } from '../../../../engine/keeper/network/mender.ts'

describe('a bridge that loses something', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())
  /** A mender whose tries are written down in seconds; `isWhole` is what each finds. */
  const start = ({ isWhole = true } = {}) => {
    const tries: number[] = []
    const now = () => Date.now()
    const began = now()
    const mender = createMender(
      async () => {
        tries.push(Math.round((now() - began) / 1000))
        return isWhole
      },
      { now, settleMs: 50 },
    )
    return { mender, tries }
  }

  it('is mended at once, and once for all that went together', async () => {
    const { mender, tries } = start()
    mender.lost(['a'])
    mender.lost(['a'])
    await vi.advanceTimersByTimeAsync(100)
    expect(tries).toEqual([0])
    await vi.advanceTimersByTimeAsync(600_000)
    expect(tries).toEqual([0])
  })

  it('is mended more and more seldom while it is taken away again and again', async () => {
    const { mender, tries } = start()
    for (let second = 0; second < 400; second += 1) {
      mender.lost(['a'])
      await vi.advanceTimersByTimeAsync(1000)
    }
    const waits = tries.slice(1).map((at, index) => at - (tries[index] ?? 0))
    expect(waits.slice(0, 3).every((wait) => wait <= 6)).toBe(true)
    expect(Math.max(...waits)).toBeGreaterThanOrEqual(60)
    expect(tries.length).toBeLessThan(13)
  })

  it('is mended at once again after it has stayed for a minute', async () => {
    const { mender, tries } = start()
    for (const _ of [1, 2, 3]) {
      mender.lost(['a'])
      await vi.advanceTimersByTimeAsync(5000)
    }
    await vi.advanceTimersByTimeAsync(60_000)
    const count = tries.length
    mender.lost(['a'])
    await vi.advanceTimersByTimeAsync(100)
    expect(tries).toHaveLength(count + 1)
  })

  it('is tried again by itself when it could not be mended, until the keeper ends', async () => {
    const { mender, tries } = start({ isWhole: false })
    mender.lost(['a'])
    await vi.advanceTimersByTimeAsync(10_000)
    expect(tries).toEqual([0, 1, 3, 7])
    mender.stop()
    await vi.advanceTimersByTimeAsync(100_000)
    expect(tries).toHaveLength(4)
  })
})
