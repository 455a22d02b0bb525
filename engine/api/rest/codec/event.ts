import type { EngineEvent } from '../../../contract/system.ts'

/** A line of `GET /events`. */
export interface DockerEvent {
  readonly status: string
  readonly id: string
  readonly from: string
  readonly Type: string
  readonly Action: string
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> }
  readonly scope: 'local'
  /** Unix seconds, and nanoseconds. */
  readonly time: number
  readonly timeNano: number
}

/** Actions that say more behind a colon, and the attribute that it is. */
const DETAIL: Readonly<Record<string, string>> = {
  health_status: 'health',
  exec_create: 'command',
  exec_start: 'command',
}

/** Whether an action says more behind a colon. */
export const hasDetail = (action: string): boolean => action in DETAIL

/** An event in Docker's shape; `time` in milliseconds. */
export function toEvent(event: EngineEvent, time: number): DockerEvent {
  const { type, action, id, attributes } = inDockersWords(event)
  return {
    status: action,
    id,
    from: attributes['image'] ?? '',
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: attributes },
    scope: 'local',
    time: Math.floor(time / 1000),
    timeNano: time * 1_000_000,
  }
}

type Told = Pick<EngineEvent, 'type' | 'action' | 'id' | 'attributes'>

function inDockersWords(event: EngineEvent): Told {
  switch (event.type) {
    case 'container':
      return withDetail(event)
    case 'image':
      return withImageName(event)
    case 'network':
      return event.attributes['type'] === 'none'
        ? { ...event, attributes: { ...event.attributes, type: 'null' } }
        : event
    default:
      return event
  }
}

/** `health_status: healthy`, `exec_start: sh`. */
function withDetail(event: EngineEvent): Told {
  const name = DETAIL[event.action]
  if (name === undefined) return event
  const { [name]: detail = '', ...attributes } = event.attributes
  return { ...event, action: `${event.action}: ${detail}`, attributes }
}

/** A pull and a push are of a name, which stands for the id; a tag is an image's; of anything else the image is the name. */
function withImageName(event: EngineEvent): Told {
  const { action, id, attributes } = event
  if (action === 'prune' || action === 'tag') return event
  const { name = '' } = attributes
  if (action !== 'pull' && action !== 'push') return { ...event, attributes: { ...attributes, name: id } }
  return { ...event, id: name, attributes: { ...attributes, name: name.replace(/@.*$/, '').replace(/:[^/:]*$/, '') } }
}
