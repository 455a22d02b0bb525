import { describe, expect, test } from 'vitest'
import { createNotices, type Notice } from '../../../electron/notices.ts'
import { recentContainers } from '../../../electron/tray-menu.ts'
import type { ContainerSummary, EngineEvent } from '../../../engine/contract/index.ts'

/** Notices with a clock that the test turns. */
function listener() {
  const notices: Notice[] = []
  let now = 0
  let waiting: { at: number; work: () => void }[] = []
  const { hear } = createNotices({
    onNotice: (notice) => notices.push(notice),
    now: () => now,
    later: (work, milliseconds) => {
      const entry = { at: now + milliseconds, work }
      waiting.push(entry)
      return {
        cancel: () => {
          waiting = waiting.filter((one) => one !== entry)
        },
      }
    },
  })
  const event = (action: string, attributes: Record<string, string> = {}, type: EngineEvent['type'] = 'container') =>
    hear({ sequence: 0, time: '', type, action, id: 'id', attributes: { name: 'web', ...attributes } })
  const pass = (milliseconds: number) => {
    now += milliseconds
    const due = waiting.filter(({ at }) => at <= now)
    waiting = waiting.filter(({ at }) => at > now)
    for (const { work } of due) work()
  }
  return { notices, event, pass }
}

describe('notices', () => {
  test('a container that exits with an error is told of, with its code and where to look', () => {
    const { notices, event, pass } = listener()
    event('die', { exitCode: '3' })
    expect(notices).toEqual([])
    pass(1000)
    expect(notices).toEqual([
      { kind: 'failed', values: { name: 'web', exitCode: '3' }, link: { type: 'container', name: 'web' } },
    ])
  })

  test.each(['stop', 'kill', 'destroy'])('an end that somebody asked for with %s is no news', (action) => {
    const after = listener()
    after.event('die', { exitCode: '137' })
    after.event(action)
    after.pass(2000)
    const before = listener()
    before.event(action)
    before.event('die', { exitCode: '137' })
    before.pass(2000)
    expect([...after.notices, ...before.notices]).toEqual([])
  })

  test('an end without an error is no news', () => {
    const { notices, event, pass } = listener()
    event('die', { exitCode: '0' })
    pass(2000)
    expect(notices).toEqual([])
  })

  test('a container that fails again and again is told of once a minute', () => {
    const { notices, event, pass } = listener()
    for (let second = 0; second < 130; second += 5) {
      event('die', { exitCode: '1' })
      pass(5000)
    }
    expect(notices).toHaveLength(3)
  })

  test('health that goes bad and images that come in are told of; a pull, which is watched, is not', () => {
    const { notices, event } = listener()
    event('health_status', { health: 'healthy' })
    event('health_status', { health: 'unhealthy' })
    event('load', { name: 'app:1' }, 'image')
    event('pull', { name: 'app:2' }, 'image')
    expect(notices.map(({ kind, link }) => [kind, link])).toEqual([
      ['unhealthy', { type: 'container', name: 'web' }],
      ['imported', { type: 'image', name: 'app:1' }],
    ])
  })
})

test('the tray lists the five containers that were used last', () => {
  const containers = Array.from({ length: 8 }, (_, index) => ({
    name: `c${index}`,
    createdAt: `2026-01-0${index + 1}`,
    startedAt: index === 2 ? '2026-02-01' : '',
  })) as unknown as ContainerSummary[]
  expect(recentContainers(containers).map(({ name }) => name)).toEqual(['c2', 'c7', 'c6', 'c5', 'c4'])
})
