import { expect, it } from 'vitest'
import { toStats } from '../../../../engine/api/rest/codec/stats.ts'

it("the limit of a container that has none is the machine's memory", () => {
  const sample = {
    id: 'a',
    time: 0,
    cpuNanoseconds: 0,
    cpuPercent: 0,
    memoryBytes: 5,
    pids: 1,
    rxBytes: 0,
    txBytes: 0,
    readBytes: 0,
    writtenBytes: 0,
  }
  const limitOf = (memoryLimitBytes: number) =>
    toStats({ ...sample, memoryLimitBytes, interfaces: [] }, undefined, 1000).memory_stats.limit
  expect(limitOf(0)).toBe(1000)
  expect(limitOf(600)).toBe(600)
  expect(limitOf(2000)).toBe(1000)
})
