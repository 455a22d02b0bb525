import type { LogLine } from '../../../contract/container.ts'
import { EngineError } from '../../../contract/errors.ts'
import { encodeStdcopy } from '../../../lib/stdcopy.ts'
import type { Services } from '../../../service/services.ts'
import { isTrue } from '../http.ts'
import type { Route } from '../router.ts'

const MULTIPLEXED = 'application/vnd.docker.multiplexed-stream'
const RAW = 'application/vnd.docker.raw-stream'

/** What output is called: framed by stream, or as a terminal has it. Frames are named in the type since 1.42. */
export const contentType = (tty: boolean, version: number): string => (tty || version < 42 ? RAW : MULTIPLEXED)

/** `/containers/{id}/logs`. */
export function logRoutes({ container }: Services): Route[] {
  return [
    {
      method: 'GET',
      path: '/containers/{id}/logs',
      handle: async ({ params, query, version, signal }) => {
        const { id, tty } = container.inspect(params['id'] ?? '')
        if (!isTrue(query.get('stdout')) && !isTrue(query.get('stderr')))
          throw new EngineError(
            'invalidArgument',
            'logs.no-stream',
            'Bad parameters: you must choose at least one stream',
          )
        // What cannot be read is said before the headers go out.
        await container.logWindow({ id, tail: 1, search: '' })
        const stream = logBytes(container, { id, tty, query, signal })
        return { status: 200, stream, headers: { 'Content-Type': contentType(tty, version) } }
      },
    },
  ]
}

export interface LogRequest {
  readonly id: string
  readonly tty: boolean
  readonly query: URLSearchParams
  readonly signal: AbortSignal
}

/** The log as Docker sends it: framed unless there is a terminal, each line with its end. */
export async function* logBytes(container: Services['container'], { id, tty, query, signal }: LogRequest) {
  const streams = new Set(['stdout', 'stderr'].filter((name) => isTrue(query.get(name))))
  const since = parseTime(query.get('since'))
  const until = parseTime(query.get('until')) || Number.POSITIVE_INFINITY
  const isTimed = isTrue(query.get('timestamps'))
  const toFrame = ({ stream, time, text }: LogLine) => {
    const bytes = Buffer.from(isTimed ? `${time} ${text}\n` : `${text}\n`)
    return tty ? bytes : encodeStdcopy(stream, bytes)
  }
  for await (const batch of logLines(container, {
    id,
    tail: query.get('tail') ?? 'all',
    isFollowing: isTrue(query.get('follow')),
    signal,
  })) {
    const isBounded = since > 0 || until !== Number.POSITIVE_INFINITY
    const seconds = ({ time }: LogLine) => Date.parse(time) / 1000
    const end = isBounded ? batch.findIndex((line) => seconds(line) > until) : -1
    const lines = (end < 0 ? batch : batch.slice(0, end)).filter(
      (line) => streams.has(line.stream) && (!isBounded || seconds(line) >= since),
    )
    // One piece a batch: a million small writes are what a long log costs otherwise.
    if (lines.length > 0) yield Buffer.concat(lines.map(toFrame))
    if (end >= 0) return
  }
}

const parseTime = (text: string | null): number => {
  if (!text) return 0
  return /^\d+(\.\d+)?$/.test(text) ? Number(text) : Date.parse(text) / 1000 || 0
}

interface LineRequest {
  readonly id: string
  readonly tail: string
  readonly isFollowing: boolean
  readonly signal: AbortSignal
}

/** Lines in batches from where `tail` says to the end; following, to the end of the container's life. */
async function* logLines(container: Services['container'], request: LineRequest): AsyncIterable<readonly LogLine[]> {
  const { id, tail, isFollowing, signal } = request
  const stop = new AbortController()
  signal.addEventListener('abort', () => stop.abort(), { once: true })
  const lastOffset = async () => (await container.logWindow({ id, tail: 1, search: '' })).lines.at(-1)?.offset ?? -1
  const { from, last } = await whereToBegin(container, id, tail)
  let endsAt = isFollowing ? Number.POSITIVE_INFINITY : last
  let reached = -1
  if (endsAt < from) return
  if (isFollowing) {
    void container.wait(id, stop.signal).then(async () => {
      endsAt = await lastOffset().catch(() => -1)
      if (reached >= endsAt || endsAt < from) stop.abort()
    })
  }
  try {
    for await (const batch of container.logFollow({ id, from }, stop.signal)) {
      const end = batch.findIndex(({ offset }) => offset > endsAt)
      const lines = end < 0 ? batch : batch.slice(0, end)
      reached = lines.at(-1)?.offset ?? reached
      if (lines.length > 0) yield lines
      if (end >= 0 || reached >= endsAt) return
    }
  } finally {
    stop.abort()
  }
}

/** Where the last `tail` lines begin, and the last line of now. */
async function whereToBegin(container: Services['container'], id: string, tail: string) {
  const isAll = !/^\d+$/.test(tail)
  const wanted = isAll ? 1 : Math.max(1, Number(tail))
  const { lines, endOffset } = await container.logWindow({ id, tail: wanted, search: '' })
  const last = lines.at(-1)?.offset ?? -1
  if (isAll) return { from: 0, last }
  return { from: Number(tail) === 0 ? endOffset : (lines[0]?.offset ?? endOffset), last }
}
