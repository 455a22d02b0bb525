import type { LogLine } from '../contract/container.ts'

const MAX_LINE = 1024 * 1024

/** Where joining of partial lines stands, a stream apart. */
export interface LogParseState {
  readonly partial: Map<string, { readonly time: string; readonly text: string }>
  /** The second of the last line and the same in UTC: most lines share theirs with the one before. */
  second: { readonly local: string; readonly utc: string }
}
/** A state without any piece of a line. */
export const newParseState = (): LogParseState => ({ partial: new Map(), second: { local: '', utc: '' } })

/**
 * conmon's k8s-file format, a line each: `<RFC 3339 with offset> stdout|stderr F|P <text>`. P is a piece without its
 * end; pieces are joined up to the next F, or up to 1 MiB. `offset` is that of the raw line; a joined line has its
 * last piece's, so that reading on behind a line never meets a piece of it again. Damaged lines give `null`.
 */
export function parseLogLine(raw: string, offset: number, state: LogParseState): LogLine | null {
  const first = raw.indexOf(' ')
  const second = raw.indexOf(' ', first + 1)
  const time = raw.slice(0, Math.max(0, first))
  const stream = raw.slice(first + 1, Math.max(0, second))
  const flag = raw[second + 1]
  const isCut = raw.length > second + 2 && raw[second + 2] !== ' '
  if (!time || (stream !== 'stdout' && stream !== 'stderr') || (flag !== 'F' && flag !== 'P') || isCut) return null
  const text = raw.slice(second + 3)
  const before = state.partial.get(stream)
  const joined = before ? before.text + text : text
  if (flag === 'P' && joined.length < MAX_LINE) {
    state.partial.set(stream, { time: before?.time ?? time, text: joined })
    return null
  }
  state.partial.delete(stream)
  return { offset, time: utcOf(before?.time ?? time, state), stream, text: joined }
}

/** The same as `toUtc`, without reading a date where the second is that of the line before. */
function utcOf(time: string, state: LogParseState): string {
  // 2026-06-01T01:02:03.123456789+02:00, as conmon writes it.
  if (time.length !== 35 || time[19] !== '.') return toUtc(time)
  const local = time.slice(0, 19) + time.slice(29)
  if (local !== state.second.local) state.second = { local, utc: toUtc(time).slice(0, 19) }
  return `${state.second.utc}${time.slice(19, 29)}Z`
}

/** RFC 3339 with any offset and any digits as UTC with nine digits. */
export function toUtc(time: string): string {
  const match = /^(.*T\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(time)
  if (!match) return time
  const [, seconds = '', fraction = '', zone = 'Z'] = match
  const milliseconds = Date.parse(`${seconds}${zone}`)
  if (Number.isNaN(milliseconds)) return time
  return `${new Date(milliseconds).toISOString().slice(0, 19)}.${fraction.padEnd(9, '0').slice(0, 9)}Z`
}
