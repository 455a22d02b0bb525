import type { ContainerSummary } from '../../../contract/container.ts'
import { EngineError } from '../../../contract/errors.ts'
import { untilDrained } from '../../../lib/async.ts'
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../../../lib/detach-keys.ts'
import { goesOn } from '../../../service/container/state.ts'
import type { Services } from '../../../service/services.ts'
import { relayTerminal, terminalInput } from '../hijack.ts'
import { isTrue, type RestRequest } from '../http.ts'
import type { Hijack, Route } from '../router.ts'
import { contentType, logBytes } from './logs.ts'

/** Attach, resize and wait. */
export function attachRoutes(services: Services): Route[] {
  const { container } = services
  return [
    {
      method: 'POST',
      path: '/containers/{id}/attach',
      hijack: (request, connection) => attach(container, request, connection),
    },
    {
      method: 'POST',
      path: '/containers/{id}/resize',
      handle: async ({ params, query }) => {
        const [columns, rows] = [Number(query.get('w') ?? ''), Number(query.get('h') ?? '')]
        if (!Number.isInteger(columns) || !Number.isInteger(rows) || columns < 0 || rows < 0)
          throw new EngineError('invalidArgument', 'resize.invalid', 'invalid size: w and h are whole numbers')
        await container.resize(params['id'] ?? '', { columns, rows })
        return { status: 200 }
      },
    },
    { method: 'POST', path: '/containers/{id}/wait', handle: (request) => wait(services, request) },
  ]
}

async function attach(
  container: Services['container'],
  { params, query, version, signal }: RestRequest,
  connection: Hijack,
): Promise<void> {
  const { id, tty, config, status } = container.inspect(params['id'] ?? '')
  const refuse = (text: string) => new EngineError('conflict', 'container.state', text)
  if (status === 'paused') throw refuse(`container ${id} is paused, unpause the container before attach`)
  if (status === 'restarting') throw refuse(`container ${id} is restarting, wait until the container is running`)
  const keys = parseDetachKeys(query.get('detachKeys') || DEFAULT_DETACH_KEYS)
  // Its options are in the query; dockerode sends them as a body too, and that is no input.
  await connection.body().catch(() => ({}))
  const stream = connection.open(contentType(tty, version))
  const hasStdin = isTrue(query.get('stdin')) && config.openStdin
  const streams = { stdout: isTrue(query.get('stdout')), stderr: isTrue(query.get('stderr')) }
  // Listened to from the start: a client that leaves during the logs has left.
  const isLive = isTrue(query.get('stream'))
  const input = terminalInput(stream, {
    hasStdin: hasStdin && isLive,
    // A terminal has no end, and stdin that is opened for many outlives the first.
    endsStdin: hasStdin && config.stdinOnce && !tty,
    detachKeys: tty && hasStdin ? keys : [],
  })
  if (isTrue(query.get('logs'))) {
    const since = new URLSearchParams({
      ...(streams.stdout && { stdout: '1' }),
      ...(streams.stderr && { stderr: '1' }),
    })
    for await (const bytes of logBytes(container, { id, tty, query: since, signal })) {
      if (stream.destroyed) return
      if (!stream.write(bytes)) await untilDrained(stream)
    }
  }
  if (isLive) {
    const output = container.attach(id, input.frames, signal, { waitForStart: true, holdsBack: true })
    await relayTerminal(stream, output, { tty, wants: (name) => streams[name] })
  }
  stream.end()
}

const CONDITIONS = ['not-running', 'next-exit', 'removed']

function wait(services: Services, { params, query, signal }: RestRequest) {
  const { container, system } = services
  const { id, status, exitCode } = container.inspect(params['id'] ?? '')
  const condition = query.get('condition') || 'not-running'
  if (!CONDITIONS.includes(condition))
    throw new EngineError('invalidArgument', 'wait.condition', `invalid condition: ${JSON.stringify(condition)}`)
  const isOver = condition === 'not-running' && !goesOn(status)
  if (isOver) return { status: 200, stream: once(waitAnswer(exitCode)) }
  // Subscribed before the headers go out: what is started after them is not missed.
  const events = system.events(signal)
  // One that waits for its next start has ended already: it may be stopped, or fail to start, without another exit.
  const endsWhenOver = condition === 'not-running' || (condition === 'next-exit' && status === 'restarting')
  const look = () => {
    try {
      return container.inspect(id)
    } catch {
      return null
    }
  }
  return { status: 200, stream: waitFor(events, { id, condition, exitCode, endsWhenOver, look }) }
}

const waitAnswer = (code: number) => `${JSON.stringify({ StatusCode: code })}\n`

async function* once(text: string) {
  yield text
}

async function* waitFor(
  events: ReturnType<Services['system']['events']>,
  what: {
    readonly id: string
    readonly condition: string
    readonly exitCode: number
    readonly endsWhenOver: boolean
    readonly look: () => Pick<ContainerSummary, 'status' | 'exitCode'> | null
  },
) {
  let code = what.exitCode
  for await (const event of events) {
    if (event.type !== 'container' || event.id !== what.id) continue
    if (event.action === 'destroy') break
    const now = what.look()
    if (event.action === 'die') {
      code = Number(event.attributes['exitCode'] ?? 0)
      if (what.condition === 'next-exit') break
      if (what.endsWhenOver && now?.status !== 'restarting') break
    } else if (what.endsWhenOver && now && !goesOn(now.status)) {
      code = now.exitCode
      break
    }
  }
  yield waitAnswer(code)
}
