import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLocks } from '../../../engine/lib/async.ts'
import { createHealthMonitor, nextInterval } from '../../../engine/service/container/health.ts'
import type { ServiceContext } from '../../../engine/service/context.ts'
import type { ContainerRecord } from '../../../engine/store/schema.ts'

const ID = 'a'.repeat(64)
const CHECK = {
  test: ['CMD', 'true'],
  intervalSeconds: 1,
  timeoutSeconds: 1,
  startPeriodSeconds: 0,
  startIntervalSeconds: 5,
  retries: 1,
}

/** A container whose start time can change, and probes that are answered by hand. */
function setUp() {
  let record = lifeAt('first')
  const probes: ((exitCode: number) => void)[] = []
  const context = {
    containers: {
      get: () => record,
      put: async (next: ContainerRecord) => {
        record = next
      },
    },
    runtime: {
      probe: () => new Promise((resolve) => probes.push((exitCode) => resolve({ exitCode, output: '' }))),
    },
    locks: createLocks(),
    bus: { publish: () => {} },
    now: () => new Date(0),
  } as unknown as ServiceContext
  const monitor = createHealthMonitor(context)
  const begin = (startedAt: string) => {
    record = lifeAt(startedAt)
    monitor.watch(record)
  }
  return { monitor, probes, begin, health: () => record.state.health }
}

const lifeAt = (startedAt: string) =>
  ({
    id: ID,
    config: { labels: {}, image: '' },
    process: { healthcheck: CHECK },
    state: { status: 'running', startedAt, health: 'starting' },
  }) as unknown as ContainerRecord

describe('healthchecks', () => {
  it('probe at the start interval in the start period, until one has succeeded', () => {
    const rules = { intervalSeconds: 30, startPeriodSeconds: 60, startIntervalSeconds: 2 }
    expect(nextInterval({ state: 'starting', ageSeconds: 0 }, rules)).toBe(2)
    expect(nextInterval({ state: 'starting', ageSeconds: 60 }, rules)).toBe(30)
    expect(nextInterval({ state: 'healthy', ageSeconds: 10 }, rules)).toBe(30)
    expect(nextInterval({ state: 'starting', ageSeconds: 0 }, { ...rules, startPeriodSeconds: 0 })).toBe(30)
  })

  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('of a new life go on when a probe of the one before ends late, and know nothing of it', async () => {
    const { monitor, probes, begin, health } = setUp()
    begin('first')
    await vi.advanceTimersByTimeAsync(1000)
    expect(probes).toHaveLength(1)
    begin('second')
    probes[0]?.(1)
    await vi.advanceTimersByTimeAsync(1000)
    expect(monitor.describe(ID).results).toEqual([])
    expect(probes).toHaveLength(2)
    probes[1]?.(0)
    await vi.advanceTimersByTimeAsync(0)
    expect(health()).toBe('healthy')
    monitor.close()
  })
})
