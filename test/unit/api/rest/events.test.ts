import { expect, it } from 'vitest'
import type { RestRequest } from '../../../../engine/api/rest/http.ts'
import { listEvents } from '../../../../engine/api/rest/routes/events.ts'
import { createEventBus } from '../../../../engine/service/events.ts'
import type { Services } from '../../../../engine/service/services.ts'

/** What a client is told of the past, by its filters. */
async function told(filters: object): Promise<{ Action: string; Actor: { Attributes: object } }[]> {
  const bus = createEventBus(() => new Date(1000))
  const publish = (action: string, attributes: Record<string, string> = {}) =>
    bus.publish({ type: 'container', action, id: 'a', attributes })
  publish('exec_create', { execID: 'e', command: 'sh -c true' })
  publish('exec_start', { execID: 'e', command: 'sh -c true' })
  publish('exec_die', { execID: 'e', exitCode: '0' })
  publish('health_status', { health: 'healthy' })
  publish('start_failed', { error: 'no' })
  publish('start')
  const system = { recentEvents: bus.recent, events: bus.subscribe } as unknown as Services['system']
  const query = new URLSearchParams({ since: '1', until: '2', filters: JSON.stringify(filters) })
  const answer = listEvents({ system } as Services, { query, signal: new AbortController().signal } as RestRequest)
  const lines: string[] = []
  if ('stream' in answer) for await (const line of answer.stream) lines.push(String(line))
  return lines.map((line) => JSON.parse(line))
}
const actions = async (...event: string[]) => (await told(event.length ? { event } : {})).map(({ Action }) => Action)

it("events have Docker's actions, with what they say more behind a colon, and none of the engine's own", async () => {
  expect(await actions()).toEqual([
    'exec_create: sh -c true',
    'exec_start: sh -c true',
    'exec_die',
    'health_status: healthy',
    'start',
  ])
  expect((await told({}))[0]?.Actor.Attributes).toEqual({ execID: 'e' })
})

it('a filter by an action that says more goes by how it begins, another by the whole', async () => {
  expect(await actions('health_status')).toEqual(['health_status: healthy'])
  expect(await actions('health_status: unhealthy')).toEqual([])
  expect(await actions('exec_start', 'start')).toEqual(['exec_start: sh -c true', 'start'])
  expect(await actions('exec')).toEqual([])
})
