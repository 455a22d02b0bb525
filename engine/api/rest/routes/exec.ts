import { randomBytes } from 'node:crypto'
import { EngineError } from '../../../contract/errors.ts'
import { encodeStdcopy } from '../../../lib/stdcopy.ts'
import type { ExecRequest } from '../../../service/container/terminal.ts'
import type { Services } from '../../../service/services.ts'
import { relayTerminal, type TerminalInput, terminalInput } from '../hijack.ts'
import { readJson } from '../http.ts'
import type { Hijack, Route } from '../router.ts'

const KEPT_EXECS = 1000

interface Exec {
  readonly id: string
  readonly request: ExecRequest
  readonly hasStdin: boolean
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
        if (status !== 'running')
          throw new EngineError('conflict', 'container.not-running', `container ${containerId} is not running`)
        const exec = toExec(containerId, body)
        execs.set(exec.id, exec)
        for (const old of [...execs.keys()].slice(0, -KEPT_EXECS)) execs.delete(old)
        return { status: 201, json: { Id: exec.id } }
      },
    },
    {
      method: 'POST',
      path: '/exec/{id}/start',
      hijack: async ({ params }, connection) => startExec(container, find(params['id']), connection),
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
  return {
    id: randomBytes(32).toString('hex'),
    hasStdin: body['AttachStdin'] === true,
    state: 'created',
    exitCode: null,
    request: {
      id: containerId,
      command,
      tty: body['Tty'] === true,
      env: Array.isArray(body['Env']) ? body['Env'].map(String) : [],
      user: text('User'),
      workingDir: text('WorkingDir'),
      columns: columns || 80,
      rows: rows || 24,
    },
  }
}

async function startExec(container: Services['container'], exec: Exec, connection: Hijack): Promise<void> {
  const body = await connection.body()
  if (exec.state !== 'created')
    throw new EngineError('conflict', 'exec.started', `exec ${exec.id} has already been started`)
  const { request } = exec
  exec.state = 'running'
  const stop = new AbortController()
  const stream = connection.open(
    request.tty ? 'application/vnd.docker.raw-stream' : 'application/vnd.docker.multiplexed-stream',
  )
  const isDetached = body['Detach'] === true
  const input = terminalInput(stream, exec.hasStdin && !isDetached)
  exec.input = input
  if (isDetached) stream.end()
  try {
    exec.exitCode = await relayTerminal(stream, container.exec(request, input.frames, stop.signal), {
      tty: request.tty,
    })
  } catch (error) {
    // The headers are gone: the reason goes where the output would, the code where inspect finds it.
    const { reason, message } = EngineError.from(error)
    if (!stream.writableEnded) {
      const text = Buffer.from(`OCI runtime exec failed: ${message}\r\n`)
      stream.end(request.tty ? text : encodeStdcopy('stderr', text))
    }
    exec.exitCode = reason === 'runtime.command-not-found' ? 127 : 126
  } finally {
    exec.state = 'exited'
  }
}

function toInspect({ id, request, state, exitCode, hasStdin }: Exec) {
  const [entrypoint = '', ...args] = request.command
  return {
    ID: id,
    Running: state === 'running',
    ExitCode: exitCode,
    ProcessConfig: { tty: request.tty, entrypoint, arguments: args, privileged: false },
    OpenStdin: hasStdin,
    OpenStderr: true,
    OpenStdout: true,
    CanRemove: state === 'exited',
    ContainerID: request.id,
    DetachKeys: '',
    Pid: 0,
  }
}
