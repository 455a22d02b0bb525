import { expect, it } from 'vitest'
import { createEventBus } from '../../../engine/service/events.ts'

it('the bus remembers the last 256 events, oldest first', () => {
  const bus = createEventBus(() => new Date(0))
  for (let n = 0; n < 300; n++) bus.publish({ type: 'container', action: 'start', id: String(n) })
  expect(bus.recent().map(({ id }) => id)).toEqual(Array.from({ length: 256 }, (_, n) => String(n + 44)))
})
