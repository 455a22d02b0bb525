import { expect, test } from 'vitest'
import { staleAfter } from '../../../renderer/app/event-bridge.ts'

test('what clients only look at or run in a container has nothing read again, and what changes it has', () => {
  for (const action of ['exec_create', 'exec_start', 'exec_die', 'exec_detach', 'attach', 'detach', 'resize', 'top'])
    expect(staleAfter({ type: 'container', action }), action).toEqual([])
  for (const action of ['create', 'start', 'die', 'oom', 'health_status', 'rename', 'update', 'destroy'])
    expect(staleAfter({ type: 'container', action }), action).toContain('container')
  expect(staleAfter({ type: 'volume', action: 'create' })).toContain('volume')
})
