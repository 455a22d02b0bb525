import type { LogLine, StatsSample } from '../../../contract/container.ts'
import { EngineError } from '../../../contract/errors.ts'
import { encodeStdcopy } from '../../../lib/stdcopy.ts'
import type { Services } from '../../../service/services.ts'
import { timeOr } from '../codec/time.ts'
import { relayTerminal, terminalInput } from '../hijack.ts'
import { isTrue } from '../http.ts'
import type { Route } from '../router.ts'

const MULTIPLEXED = 'application/vnd.docker.multiplexed-stream'
const RAW = 'application/vnd.docker.raw-stream'

/** Attach, logs, wait, stats and resize: what goes on for longer than an answer. */
export function streamRoutes(services: Services): Route[] {
  const { container } = services
  /** Where a resize finds the attached terminal of a container. */
  const terminals = new Map<string, (columns: number, rows: number) => void>()
  return [
    {
      method: 'POST',
      path: '/containers/{id}/attach',
      hijack: async ({ params, query, signal }, connection) => {
        const { id, tty, config } = container.inspect(params['id'] ?? '')
        const stream = connection.open(tty ? RAW : MULTIPLEXED)
        const input = terminalInput(stream, isTrue(query.get('stdin')) && config.openStdin)
        terminals.set(id, input.resize)
        try {
          const output = container.attach(id, input.frames, signal, { waitForStart: true })
          await relayTerminal(stream, output, { tty })
        } finally {
          terminals.delete(id)
        }
      },
    },
    {
      method: 'POST',
      path: '/containers/{id}/resize',
      handle: ({ params, query }) => {
        const { id } = container.inspect(params['id'] ?? '')
        terminals.get(id)?.(Number(query.get('w') || 80), Number(query.get('h') || 24))
        return { status: 200 }
      },
    },
    {
      method: 'POST',
      path: '/containers/{id}/wait',
      handle: (request) => {
        const { id, status, exitCode } = container.inspect(request.params['id'] ?? '')
        const condition = request.query.get('condition') || 'not-running'
        const isOver = condition === 'not-running' && !['running', 'paused', 'restarting'].includes(status)
        // Subscribed before the headers go out: what is started after them is not missed.
        const events = services.system.events(request.signal)
        return { status: 200, stream: isOver ? [waitAnswer(exitCode)] : waitFor(events, id, condition) } as never
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/logs',
      handle: async ({ params, query, signal }) => {
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
        return { status: 200, stream, headers: { 'Content-Type': tty ? RAW : MULTIPLEXED } }
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/stats',
      handle: ({ params, query, signal }) => {
        const { id, name } = container.inspect(params['id'] ?? '')
        const isOnce = query.has('stream') && !isTrue(query.get('stream'))
        return { status: 200, stream: statsLines(container, { id, name, isOnce, signal }) }
      },
    },
  ]
}

const waitAnswer = (code: number) => `${JSON.stringify({ StatusCode: code })}\n`

async function* waitFor(events: ReturnType<Services['system']['events']>, id: string, condition: string) {
  let code = 0
  for await (const event of events) {
    if (event.id !== id) continue
    if (event.action === 'die') {
      code = Number(event.attributes['exitCode'] ?? 0)
      if (condition !== 'removed') break
    }
    if (event.action === 'destroy') break
  }
  yield waitAnswer(code)
}

interface LogRequest {
  readonly id: string
  readonly tty: boolean
  readonly query: URLSearchParams
  readonly signal: AbortSignal
}

/** The log as Docker sends it: framed unless there is a terminal, each line with its end. */
async function* logBytes(container: Services['container'], { id, tty, query, signal }: LogRequest) {
  const streams = new Set(['stdout', 'stderr'].filter((name) => isTrue(query.get(name))))
  const since = parseTime(query.get('since'))
  const until = parseTime(query.get('until')) || Number.POSITIVE_INFINITY
  const isTimed = isTrue(query.get('timestamps'))
  for await (const line of logLines(container, {
    id,
    tail: query.get('tail') ?? 'all',
    isFollowing: isTrue(query.get('follow')),
    signal,
  })) {
    const time = Date.parse(line.time) / 1000
    if (!streams.has(line.stream) || time < since) continue
    if (time > until) return
    const text = Buffer.from(`${isTimed ? `${line.time} ` : ''}${line.text}${tty ? '\r\n' : '\n'}`)
    yield tty ? text : encodeStdcopy(line.stream, text)
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

/** Lines from where `tail` says to the end; following, to the end of the container's life. */
async function* logLines(container: Services['container'], request: LineRequest): AsyncIterable<LogLine> {
  const { id, tail, isFollowing, signal } = request
  const stop = new AbortController()
  signal.addEventListener('abort', () => stop.abort(), { once: true })
  const lastOffset = async () => (await container.logWindow({ id, tail: 1, search: '' })).lines.at(-1)?.offset ?? -1
  const from = await firstOffset(container, id, tail)
  let endsAt = isFollowing ? Number.POSITIVE_INFINITY : await lastOffset()
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
      for (const line of batch) {
        if (line.offset > endsAt) return
        reached = line.offset
        yield line
      }
      if (reached >= endsAt) return
    }
  } finally {
    stop.abort()
  }
}

async function firstOffset(container: Services['container'], id: string, tail: string): Promise<number> {
  if (!/^\d+$/.test(tail)) return 0
  const window = await container.logWindow({ id, tail: Math.max(1, Number(tail)), search: '' })
  return Number(tail) === 0 ? window.endOffset : (window.lines[0]?.offset ?? window.endOffset)
}

interface StatsRequest {
  readonly id: string
  readonly name: string
  readonly isOnce: boolean
  readonly signal: AbortSignal
}

async function* statsLines(container: Services['container'], { id, name, isOnce, signal }: StatsRequest) {
  let previous: StatsSample | undefined
  const stop = new AbortController()
  signal.addEventListener('abort', () => stop.abort(), { once: true })
  try {
    for await (const samples of container.stats([id], stop.signal)) {
      const [sample] = samples
      if (!sample) {
        if (container.inspect(id).status !== 'running') return
        continue
      }
      if (previous || !isOnce) yield `${JSON.stringify({ id, name: `/${name}`, ...toStats(sample, previous) })}\n`
      if (previous && isOnce) return
      previous = sample
    }
  } finally {
    stop.abort()
  }
}

const toCpu = (sample: StatsSample | undefined) => ({
  cpu_usage: { total_usage: sample?.cpuNanoseconds ?? 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  // One core's time: the client multiplies the share by `online_cpus`.
  system_cpu_usage: sample ? Math.round(sample.time * 1e6) : 0,
  online_cpus: 1,
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
})

function toStats(sample: StatsSample, previous: StatsSample | undefined) {
  return {
    read: timeOr(new Date(sample.time).toISOString()),
    preread: timeOr(previous ? new Date(previous.time).toISOString() : ''),
    pids_stats: { current: sample.pids },
    num_procs: 0,
    storage_stats: {},
    cpu_stats: toCpu(sample),
    precpu_stats: toCpu(previous),
    memory_stats: { usage: sample.memoryBytes, limit: sample.memoryLimitBytes, stats: {} },
    blkio_stats: {
      io_service_bytes_recursive: [
        { major: 0, minor: 0, op: 'read', value: sample.readBytes },
        { major: 0, minor: 0, op: 'write', value: sample.writtenBytes },
      ],
    },
    networks: { eth0: { rx_bytes: sample.rxBytes, tx_bytes: sample.txBytes } },
  }
}
