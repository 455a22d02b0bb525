import { randomBytes } from 'node:crypto'
import type { TerminalIn, TerminalOut } from '../../../contract/container.ts'
import { EngineError } from '../../../contract/errors.ts'
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../../../lib/detach-keys.ts'
import { encodeStdcopy } from '../../../lib/stdcopy.ts'
import type { ExecRequest } from '../../../service/container/terminal.ts'
import type { Services } from '../../../service/services.ts'
import { relayTerminal, type TerminalInput, terminalInput } from '../hijack.ts'
import { readJson } from '../http.ts'
import type { Hijack, Route } from '../router.ts'
import { contentType } from './logs.ts'

const KEPT_EXECS = 1000

interface Exec {
  readonly id: string
  readonly request: ExecRequest & { readonly execId: string }
  readonly hasStdin: boolean
  readonly detachKeys: string
  readonly streams: { readonly stdout: boolean; readonly stderr: boolean }
  pid: number
  state: 'created' | 'running' | 'exited'
  exitCode: number | null
  input?: TerminalInput
}

/** `/containers/{id}/exec` and `/exec/{id}/…`. Execs are known for as long as the engine runs, the last 1,000. */
export function execRoutes({ container }: Services): Route[] {
  const execs = new Map<string, Exec>()
  const find = (id = ''): Exec => {
    const found = execs.get(id) ?? [...execs.values()].find((one) => id.length > 7 && one.id.startsWith(id))
    if (found) return found
    throw new EngineError('notFound', 'exec.not-found', `No such exec instance: ${id}`)
  }
  return [
    {
      method: 'POST',
      path: '/containers/{id}/exec',
      handle: async ({ params, message }) => {
        const body = await readJson(message)
        const { id: containerId, status, name } = container.inspect(params['id'] ?? '')
        if (status === 'paused')
          throw new EngineError(
            'conflict',
            'container.paused',
            `container ${name} is paused, unpause the container before exec`,
          )
        if (status === 'restarting')
          throw new EngineError(
            'conflict',
            'container.restarting',
            `Container ${containerId} is restarting, wait until the container is running`,
          )
        if (status !== 'running')
          throw new EngineError('conflict', 'container.not-running', `container ${containerId} is not running`)
        const exec = toExec(containerId, body)
        execs.set(exec.id, exec)
        for (const old of [...execs.keys()].slice(0, -KEPT_EXECS)) execs.delete(old)
        container.noteExec(exec.request)
        return { status: 201, json: { Id: exec.id } }
      },
    },
    {
      method: 'POST',
      path: '/exec/{id}/start',
      hijack: ({ params, version }, connection) => startExec(container, find(params['id']), { connection, version }),
    },
    {
      method: 'POST',
      path: '/exec/{id}/resize',
      handle: ({ params, query }) => {
        find(params['id']).input?.resize(Number(query.get('w') || 0), Number(query.get('h') || 0))
        return { status: 200 }
      },
    },
    {
      method: 'GET',
      path: '/exec/{id}/json',
      handle: ({ params }) => ({ status: 200, json: toInspect(find(params['id'])) }),
    },
  ]
}

function toExec(containerId: string, body: Record<string, unknown>): Exec {
  const command = Array.isArray(body['Cmd']) ? body['Cmd'].map(String) : []
  if (command.length === 0) throw new EngineError('invalidArgument', 'exec.no-command', 'No exec command specified')
  const [rows = 0, columns = 0] = Array.isArray(body['ConsoleSize']) ? body['ConsoleSize'].map(Number) : []
  const text = (key: string) => (typeof body[key] === 'string' && body[key] ? String(body[key]) : null)
  const id = randomBytes(32).toString('hex')
  return {
    id,
    hasStdin: body['AttachStdin'] === true,
    detachKeys: checkedKeys(text('DetachKeys') ?? DEFAULT_DETACH_KEYS),
    streams: { stdout: body['AttachStdout'] !== false, stderr: body['AttachStderr'] !== false },
    pid: 0,
    state: 'created',
    exitCode: null,
    request: {
      id: containerId,
      execId: id,
      command,
      tty: body['Tty'] === true,
      env: Array.isArray(body['Env']) ? body['Env'].map(String) : [],
      user: text('User'),
      workingDir: text('WorkingDir'),
      isPrivileged: body['Privileged'] === true,
      columns: columns || 80,
      rows: rows || 24,
    },
  }
}

/** Keys that can be read; they are kept as they were written. */
function checkedKeys(keys: string): string {
  parseDetachKeys(keys)
  return keys
}

async function startExec(
  container: Services['container'],
  exec: Exec,
  { connection, version }: { readonly connection: Hijack; readonly version: number },
): Promise<void> {
  const body = await connection.body()
  if (exec.state !== 'created')
    throw new EngineError('conflict', 'exec.started', `Error: Exec command ${exec.id} has already run`)
  const [rows = 0, columns = 0] = Array.isArray(body['ConsoleSize']) ? body['ConsoleSize'].map(Number) : []
  const request = rows && columns ? { ...exec.request, rows, columns } : exec.request
  exec.state = 'running'
  if (body['Detach'] === true) return startDetached(container, { exec, request }, connection)
  const { tty } = request
  const stream = connection.open(contentType(tty, version))
  const input = terminalInput(stream, {
    hasStdin: exec.hasStdin,
    endsStdin: true,
    detachKeys: tty && exec.hasStdin ? parseDetachKeys(exec.detachKeys) : [],
  })
  exec.input = input
  try {
    const output = run(container, { exec, request }, input.frames)
    exec.exitCode = await relayTerminal(stream, output, { tty, wants: (name) => exec.streams[name] })
  } catch (error) {
    // The headers are gone: the reason goes where the output would, the code where inspect finds it.
    exec.exitCode = failureCode(error)
    const text = Buffer.from(`${failureText(error)}\r\n`)
    if (!stream.writableEnded) stream.write(tty ? text : encodeStdcopy('stderr', text))
  }
  exec.state = 'exited'
  // What is remembered of it for inspect must not hold the connection too.
  exec.input = undefined
  // The code is there before the end is: clients ask for it then.
  stream.end()
}

/** The process is answered for once it runs; its output goes nowhere. */
async function startDetached(
  container: Services['container'],
  parts: { readonly exec: Exec; readonly request: ExecRequest },
  connection: Hijack,
): Promise<void> {
  const { exec } = parts
  const noInput: AsyncIterable<TerminalIn> = (async function* () {
    yield { type: 'eof' } as const
  })()
  let tellStarted: () => void = () => {}
  const started = new Promise<void>((resolve) => {
    tellStarted = resolve
  })
  const over = (async () => {
    for await (const frame of run(container, parts, noInput, tellStarted))
      if (frame.type === 'exit') exec.exitCode = frame.exitCode
  })()
    .catch((error: unknown) => {
      exec.exitCode = failureCode(error)
      throw new EngineError('invalidArgument', 'exec.failed', failureText(error), { cause: error })
    })
    .finally(() => {
      exec.state = 'exited'
    })
  await Promise.race([started, over])
  over.catch(() => undefined)
  connection.open(contentType(true, 0)).end()
}

/** The process's output until its end: no client's leaving ends it. */
function run(
  container: Services['container'],
  { exec, request }: { readonly exec: Exec; readonly request: ExecRequest },
  frames: AsyncIterable<TerminalIn>,
  onStarted: () => void = () => {},
): AsyncIterable<TerminalOut> {
  return container.exec(request, frames, new AbortController().signal, (pid) => {
    exec.pid = pid
    onStarted()
  })
}

const failureCode = (error: unknown) => (EngineError.from(error).reason === 'runtime.command-not-found' ? 127 : 126)

function failureText(error: unknown): string {
  const { message, reason } = EngineError.from(error)
  if (!reason.startsWith('runtime.')) return message
  return `OCI runtime exec failed: exec failed: unable to start container process: ${message}: unknown`
}

function toInspect({ id, request, state, exitCode, hasStdin, streams, detachKeys, pid }: Exec) {
  const [entrypoint = '', ...args] = request.command
  return {
    ID: id,
    Running: state === 'running',
    ExitCode: exitCode,
    ProcessConfig: {
      tty: request.tty,
      entrypoint,
      arguments: args,
      privileged: request.isPrivileged ?? false,
      ...(request.user ? { user: request.user } : {}),
    },
    OpenStdin: hasStdin,
    OpenStderr: streams.stderr,
    OpenStdout: streams.stdout,
    CanRemove: state === 'exited',
    ContainerID: request.id,
    DetachKeys: detachKeys === DEFAULT_DETACH_KEYS ? '' : detachKeys,
    Pid: pid,
  }
}
