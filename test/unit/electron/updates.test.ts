import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest'
import { whyFailed } from '../../../electron/update-failure.ts'
import { createUpdates, type Updater } from '../../../electron/updates.ts'
import { DesktopSettings } from '../../../engine/contract/desktop.ts'

const MINUTE = 60_000

/** Updates that an updater of the test's own finds and fetches. */
function updatesFrom(updater: Partial<Updater>, parts = { hasKey: true, hasPackage: true }) {
  let hear = (_percent: number) => {}
  const settings = DesktopSettings.parse({ updates: { url: 'https://example.com/' } })
  const updates = createUpdates({
    ...parts,
    settings: { get: () => settings, change: () => {} },
    onSettings: () => {},
    requests: { send: () => {} },
    log: { log: { warn: () => {} } } as never,
    openUpdater: async (onPercent) => {
      hear = onPercent
      return { find: async () => '2.0.0', fetch: async () => {}, install: () => {}, ...updater }
    },
    leave: () => {},
  })
  return { updates, hear: (percent: number) => hear(percent) }
}
/** Ends only when it is told to. */
const untilAborted = (signal: AbortSignal) =>
  new Promise<void>((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('cancelled'))))

describe('updates', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('a server that falls silent in the middle of a package is given up, and asked again when somebody wants', async () => {
    const { updates, hear } = updatesFrom({ fetch: untilAborted })
    const first = updates.check()
    await vi.advanceTimersByTimeAsync(1.5 * MINUTE)
    hear(10)
    await vi.advanceTimersByTimeAsync(1.5 * MINUTE)
    expect(updates.state()).toMatchObject({ state: 'downloading', percent: 10 })
    await vi.advanceTimersByTimeAsync(MINUTE)
    await first
    expect(updates.state()).toMatchObject({ state: 'failed', error: expect.stringContaining('stopped sending') })
    void updates.check()
    await vi.advanceTimersByTimeAsync(0)
    expect(updates.state()).toMatchObject({ state: 'downloading', percent: 0, error: '' })
  })

  it.each([
    ['no-key', false, true],
    ['no-package', true, false],
    ['', true, true],
  ] as const)('what is missing for them is named: %j', async (reason, hasKey, hasPackage) => {
    const { updates } = updatesFrom({}, { hasKey, hasPackage })
    expect(updates.state()).toMatchObject({ state: reason ? 'off' : 'idle', reason })
    await updates.check()
    expect(updates.state().state).toBe(reason ? 'off' : 'ready')
  })
})

test('failures of the network are told in words', () => {
  expect(whyFailed(new Error('net::ERR_CONTENT_LENGTH_MISMATCH'))).toBe('the answer was cut off')
  expect(whyFailed(new Error('net::ERR_CERT_DATE_INVALID'))).toBe('cert date invalid')
  expect(whyFailed(new Error('500 Internal Server Error\nHeaders: {}'))).toBe('500 Internal Server Error')
  expect(whyFailed(Object.assign(new Error('sha512 …'), { code: 'ERR_CHECKSUM_MISMATCH' }))).toMatch(/checksum/)
  expect(whyFailed('nothing else')).toBe('nothing else')
})
