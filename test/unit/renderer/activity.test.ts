import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest'
import { EngineError } from '../../../engine/contract/errors.ts'
import type { Activity } from '../../../renderer/state/activity.ts'

const kept = { text: '', writes: 0 }
vi.mock('../../../renderer/api/client.ts', () => ({
  api: {},
  desktop: {
    activity: async () => kept.text,
    keepActivity: async ({ text }: { text: string }) => {
      kept.text = text
      kept.writes += 1
    },
  },
}))
const { keepActivity, reportFailure, reportTrouble, useActivity } = await import('../../../renderer/state/activity.ts')
const { fromKept, toKept } = await import('../../../renderer/state/kept-activity.ts')
const { nextSteps } = await import('../../../renderer/state/next-step.ts')

const start = { type: 'container', verb: 'start', id: 'c1' } as const
const pull = { type: 'pull', reference: 'alpine' } as const

describe('what can be done about a failure', () => {
  it.each([
    ['a port that is taken', { code: 'conflict', reason: 'port.in-use' }, start, ['edit', 'repeat']],
    ['a container that does not start', { code: 'internal', reason: 'runtime.failed' }, start, ['container', 'repeat']],
    ['a container that is gone', { code: 'notFound', reason: 'container.not-found' }, start, []],
    ['a registry that wants a login', { code: 'unauthorized', reason: 'unauthorized' }, pull, ['page', 'repeat']],
    ['a full disk', { code: 'unavailable', reason: 'disk.full' }, pull, ['page', 'repeat']],
    ['something without a way to ask again', { code: 'internal', reason: 'internal' }, undefined, []],
  ] as const)('%s', (_what, error, work, steps) => {
    expect(nextSteps(error, work).map(({ type }) => type)).toEqual(steps)
  })

  test('a full disk leads to what uses it, a login to the registries', () => {
    expect(nextSteps({ code: 'unavailable', reason: 'disk.full' }, pull)[0]).toEqual({ type: 'page', page: 'disk' })
    expect(nextSteps({ code: 'unauthorized', reason: 'unauthorized' }, pull)[0]).toEqual({
      type: 'page',
      page: 'registries',
    })
  })
})

describe('the list of activity', () => {
  const items = () => useActivity.getState().items
  beforeEach(() => useActivity.setState({ items: [] }))
  afterEach(() => void vi.useRealTimers())

  test('is written when something begins or ends, and goes on in the next window with the way to ask again', async () => {
    vi.useFakeTimers()
    await keepActivity()
    reportFailure('start: web', new EngineError('internal', 'runtime.failed', 'it broke'), start)
    const [failed] = items() as [Activity]
    const running: Activity = { ...failed, id: 'r', kind: 'pull', state: 'running', work: pull, steps: [], message: '' }
    useActivity.setState({ items: [running, failed] })
    vi.runAllTimers()
    expect(kept.writes).toBe(1)
    useActivity.setState(({ items: list }) => ({ items: list.map((item) => ({ ...item, layers: {} })) }))
    vi.runAllTimers()
    expect(kept.writes).toBe(1)
    expect(fromKept(kept.text, 'the app ended')).toMatchObject([
      { id: 'r', state: 'failed', message: 'the app ended', isPast: true, steps: [{ type: 'repeat', work: pull }] },
      { title: 'start: web', state: 'failed', message: 'it broke', work: start, isPast: true },
    ])
    useActivity.getState().dismissDone()
    useActivity.getState().dismiss('r')
    vi.runAllTimers()
    expect(kept.text).toBe('[]')
  })

  it.each(['', 'no json', '{}', '[{"id":1}]'])('begins empty after %j', (text) => {
    expect(fromKept(text, '')).toEqual([])
  })

  test('lets the oldest of what went well go first, and never what runs', () => {
    reportFailure('first', new Error('x'))
    const [failed] = items() as [Activity]
    const of = (state: Activity['state'], count: number): Activity[] =>
      Array.from({ length: count }, (_, index) => ({ ...failed, id: `${state}${index}`, state }))
    useActivity.setState({ items: [...of('done', 150), ...of('running', 10), ...of('failed', 40)] })
    reportFailure('another', new Error('x'))
    expect(items()).toHaveLength(200)
    expect(items().filter(({ state }) => state === 'running')).toHaveLength(10)
    expect(items().filter(({ state }) => state === 'failed')).toHaveLength(41)
    expect(items().some(({ id }) => id === 'done149')).toBe(false)
  })

  test('has a container that keeps failing once, at the top', () => {
    reportTrouble('web', 'web failed', 'code 1')
    reportTrouble('db', 'db failed', 'code 1')
    reportTrouble('web', 'web failed', 'code 2')
    expect(items().map(({ title, message }) => [title, message])).toEqual([
      ['web failed', 'code 2'],
      ['db failed', 'code 1'],
    ])
    expect(JSON.parse(toKept(items()))[0].steps).toEqual([{ type: 'container', id: 'web' }])
  })
})
