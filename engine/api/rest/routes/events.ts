import { EngineError } from '../../../contract/errors.ts'
import type { EngineEvent } from '../../../contract/system.ts'
import { hasLabels } from '../../../lib/labels.ts'
import type { Services } from '../../../service/services.ts'
import { type DockerEvent, hasDetail, toEvent } from '../codec/event.ts'
import { parseFilters, type RestAnswer, type RestRequest } from '../http.ts'

/** What Docker's clients know nothing of. */
const OWN_EVENTS: ReadonlySet<EngineEvent['type']> = new Set(['engine', 'client'])
const OWN_ACTIONS: ReadonlySet<string> = new Set(['start_failed', 'mended'])
/** Filters by the object that an event is about; of some of them there are none here, and so no events. */
const OBJECTS = ['container', 'volume', 'network', 'daemon', 'plugin', 'service', 'node', 'secret', 'config']
const FILTERS = ['type', 'event', 'image', 'label', 'scope', ...OBJECTS]
/** The longest that a timer can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1

type Filters = ReadonlyMap<string, readonly string[]>
/** Milliseconds; null where nothing was asked. */
interface Span {
  readonly since: number | null
  readonly until: number | null
}

/** `GET /events`: what is remembered of the time asked for, then what comes, until that time is over or the client leaves. */
export function listEvents({ system }: Services, { query, signal }: RestRequest): RestAnswer {
  const filters = parseFilters(query.get('filters'), FILTERS)
  const span: Span = { since: readTime(query, 'since'), until: readTime(query, 'until') }
  if (span.since !== null && span.until !== null && span.until < span.since)
    throw new EngineError(
      'invalidArgument',
      'events.span',
      `\`since\` time (${query.get('since')}) cannot be after \`until\` time (${query.get('until')})`,
    )
  const past = span.since === null && span.until === null ? [] : system.recentEvents()
  const leftMs = span.until === null ? null : span.until - Date.now()
  const coming = leftMs === null ? system.events(signal) : leftMs <= 0 ? [] : eventsFor(system, signal, leftMs)
  return { status: 200, stream: eventLines([past, coming], span, filters) }
}

/** Events of the next so many milliseconds: the end of that time is no event of its own. */
function eventsFor(system: Services['system'], signal: AbortSignal, leftMs: number): AsyncIterable<EngineEvent> {
  const over = new AbortController()
  const end = () => {
    clearTimeout(timer)
    over.abort()
  }
  const timer = setTimeout(end, Math.min(leftMs, MAX_TIMER_MS))
  signal.addEventListener('abort', end, { once: true })
  return system.events(over.signal)
}

async function* eventLines(
  sources: readonly (Iterable<EngineEvent> | AsyncIterable<EngineEvent>)[],
  { since, until }: Span,
  filters: Filters,
) {
  for (const events of sources) {
    for await (const event of events) {
      const time = Date.parse(event.time)
      if ((since !== null && time < since) || (until !== null && time > until)) continue
      if (OWN_EVENTS.has(event.type) || OWN_ACTIONS.has(event.action)) continue
      const told = toEvent(event, time)
      if (isWanted(told, filters)) yield `${JSON.stringify(told)}\n`
    }
  }
}

/** Unix seconds, as clients send every form of time. */
function readTime(query: URLSearchParams, name: string): number | null {
  const text = query.get(name) ?? ''
  if (text === '') return null
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text) * 1000
  throw new EngineError(
    'invalidArgument',
    'events.time',
    `invalid ${name} ${JSON.stringify(text)}: give seconds since 1970`,
  )
}

/** As dockerd: one filter by an action that says more makes all of them filters by how an action begins. */
function isAction(action: string, wanted: readonly string[]): boolean {
  if (wanted.some(hasDetail)) return wanted.some((value) => action.startsWith(value))
  return wanted.includes(action)
}

function isWanted(event: DockerEvent, filters: Filters): boolean {
  const any = (name: string, test: (value: string) => boolean) => filters.get(name)?.some(test) ?? true
  const { Type: type, Action: action, Actor: actor } = event
  const name = actor.Attributes['name'] ?? ''
  return (
    any('type', (value) => type === value) &&
    any('scope', (value) => event.scope === value) &&
    isAction(action, filters.get('event') ?? [action]) &&
    OBJECTS.every((object) =>
      any(object, (value) => type === object && (actor.ID.startsWith(value) || name.startsWith(value))),
    ) &&
    any('image', (value) => imageNames(event).includes(value)) &&
    hasLabels(actor.Attributes, filters.get('label') ?? [])
  )
}

/** Every name of the image that an event is about, or that its container is of: with its tag and without. */
function imageNames({ Type: type, Actor: { ID: id, Attributes: attributes } }: DockerEvent): readonly string[] {
  const names = [id, attributes[type === 'image' ? 'name' : 'image'] ?? '']
  return [...names, ...names.map((name) => name.replace(/^(?!sha256:)(.+):[^/:]*$/, '$1'))]
}
