import type { DesktopLink, DesktopSettings } from '../engine/contract/desktop.ts'
import type { EngineEvent } from '../engine/contract/index.ts'

/** Something that a person would want to know while they do not look. */
export interface Notice {
  readonly kind: keyof DesktopSettings['notifications']
  /** Values of the texts `notice.<kind>.title` and `notice.<kind>.text`. */
  readonly values: Readonly<Record<string, string>>
  /** What a click opens. */
  readonly link: DesktopLink
}

/** After a container's end it takes this long until somebody's stop or kill is told of. */
const DECIDED_MS = 1000
/** The same about the same object is told at most this often: a container may restart all day. */
const REPEATED_MS = 60_000

export interface NoticesOptions {
  readonly onNotice: (notice: Notice) => void
  readonly now: () => number
  readonly later: (work: () => void, milliseconds: number) => { cancel(): void }
}

/** Reads the engine's events and tells what is worth a notice. An end that somebody asked for is none. */
export function createNotices({ onNotice, now, later }: NoticesOptions): { hear(event: EngineEvent): void } {
  const undecided = new Map<string, { cancel(): void }>()
  const asked = new Map<string, number>()
  const told = new Map<string, number>()

  const tell = (notice: Notice, key: string) => {
    const time = now()
    for (const [old, at] of told) if (time - at >= REPEATED_MS) told.delete(old)
    if (told.has(key)) return
    told.set(key, time)
    onNotice(notice)
  }
  const forget = (id: string) => {
    undecided.get(id)?.cancel()
    undecided.delete(id)
  }
  const hearEnd = ({ id, attributes }: EngineEvent) => {
    const { exitCode = '0', name = id } = attributes
    if (exitCode === '0' || now() - (asked.get(id) ?? Number.NEGATIVE_INFINITY) < DECIDED_MS) return
    forget(id)
    const timer = later(() => {
      undecided.delete(id)
      tell({ kind: 'failed', values: { name, exitCode }, link: { type: 'container', name } }, `failed ${id}`)
    }, DECIDED_MS)
    undecided.set(id, timer)
  }
  const hearContainer = (event: EngineEvent) => {
    const { id, action, attributes } = event
    const { name = id } = attributes
    if (action === 'die') return hearEnd(event)
    if (action === 'health_status' && attributes['health'] === 'unhealthy')
      return tell({ kind: 'unhealthy', values: { name }, link: { type: 'container', name } }, `unhealthy ${id}`)
    if (action === 'stop' || action === 'kill' || action === 'destroy') {
      forget(id)
      const time = now()
      for (const [old, at] of asked) if (time - at >= DECIDED_MS) asked.delete(old)
      asked.set(id, time)
    }
  }
  return {
    hear(event) {
      if (event.type === 'container') hearContainer(event)
      if (event.type === 'image' && (event.action === 'import' || event.action === 'load')) {
        const name = event.attributes['name'] || event.id.slice(7, 19)
        tell({ kind: 'imported', values: { name }, link: { type: 'image', name } }, `imported ${event.id}`)
      }
    },
  }
}
