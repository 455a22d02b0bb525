import { getHeapStatistics } from 'node:v8'
import { expect, test, vi } from 'vitest'
import { collectWhenCalm, isWorthCollecting } from '../../../engine/host/calm-collection.ts'

const MiB = 1024 * 1024

test('a process that works is left alone, and one that is calm and has grown is not', () => {
  const calm = { load: 0.01, heapBytes: 40 * MiB, leftBytes: 20 * MiB }
  expect(isWorthCollecting(calm)).toBe(true)
  expect(isWorthCollecting({ ...calm, load: 0.5 })).toBe(false)
  expect(isWorthCollecting({ ...calm, heapBytes: 21 * MiB })).toBe(false)
})

test('the memory of each burst is given back though nothing asks for any', { timeout: 30_000 }, async () => {
  const stop = collectWhenCalm(50)
  try {
    for (let burst = 0; burst < 2; burst += 1) {
      const grown = growByGarbage()
      await vi.waitFor(() => expect(heapBytes()).toBeLessThan(grown - 10 * MiB), { timeout: 14_000, interval: 100 })
    }
  } finally {
    stop()
  }
})

const heapBytes = () => getHeapStatistics().total_physical_size

/** Answers with the size of the heap with it. */
function growByGarbage(): number {
  const garbage = Array.from({ length: 400_000 }, (_, index) => ({ index, name: `n${index}` }))
  expect(garbage.length).toBe(400_000)
  return heapBytes()
}
