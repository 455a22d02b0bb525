import { expect, test, vi } from 'vitest'
import { gather, staleAfter } from '../../../renderer/app/event-bridge.ts'

test('what clients only look at or run in a container has nothing read again, and what changes it has', () => {
  for (const action of ['exec_create', 'exec_start', 'exec_die', 'exec_detach', 'attach', 'detach', 'resize', 'top'])
    expect(staleAfter({ type: 'container', action }), action).toEqual([])
  for (const action of ['create', 'start', 'die', 'oom', 'health_status', 'rename', 'update', 'destroy'])
    expect(staleAfter({ type: 'container', action }), action).toContain('container')
  expect(staleAfter({ type: 'volume', action: 'create' })).toContain('volume')
})

test('volumes that come and go with containers, and the end of a prune, have nothing read again', () => {
  for (const action of ['mount', 'unmount', 'prune']) expect(staleAfter({ type: 'volume', action }), action).toEqual([])
  for (const type of ['container', 'image', 'network', 'builder'] as const)
    expect(staleAfter({ type, action: 'prune' }), type).toEqual([])
  expect(staleAfter({ type: 'image', action: 'save' })).toEqual([])
  expect(staleAfter({ type: 'network', action: 'connect' })).toEqual(['network'])
})

test('the events of one start have each noun read once', () => {
  vi.useFakeTimers()
  try {
    const read: string[] = []
    const invalidate = gather((noun) => read.push(noun))
    const start = () => {
      for (const [type, action] of [
        ['volume', 'mount'],
        ['network', 'connect'],
        ['network', 'connect'],
        ['container', 'start'],
      ] as const)
        invalidate(staleAfter({ type, action }))
    }
    start()
    expect(read).toEqual([])
    vi.runAllTimers()
    expect(read.toSorted()).toEqual(['container', 'image', 'network', 'volume'])
    start()
    vi.runAllTimers()
    expect(read).toHaveLength(8)
  } finally {
    vi.useRealTimers()
  }
})
