import type { LogLine } from '../contract/container.ts'

const MAX_LINE = 1024 * 1024

/** Where joining of partial lines stands, a stream apart. */
export interface LogParseState {
  readonly partial: Map<string, { readonly time: string; readonly text: string }>
}
/** A state without any piece of a line. */
export const newParseState = (): LogParseState => ({ partial: new Map() })

/**
 * conmon's k8s-file format, a line each: `<RFC 3339 with offset> stdout|stderr F|P <text>`. P is a piece without its
 * end; pieces are joined up to the next F, or up to 1 MiB. `offset` is that of the raw line; a joined line has its
 * last piece's, so that reading on behind a line never meets a piece of it again. Damaged lines give `null`.
 */
export function parseLogLine(raw: string, offset: number, state: LogParseState): LogLine | null {
  const [time, stream, flag] = raw.split(' ', 3)
  if (!time || (stream !== 'stdout' && stream !== 'stderr') || (flag !== 'F' && flag !== 'P')) return null
  const text = raw.slice(time.length + stream.length + flag.length + 3)
  const before = state.partial.get(stream)
  const joined = before ? before.text + text : text
  if (flag === 'P' && joined.length < MAX_LINE) {
    state.partial.set(stream, { time: before?.time ?? time, text: joined })
    return null
  }
  state.partial.delete(stream)
  return { offset, time: toUtc(before?.time ?? time), stream, text: joined }
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
