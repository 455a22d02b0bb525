import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { TerminalIn, TerminalOut } from '../../contract/container.ts'
import { EngineError, type WireError } from '../../contract/errors.ts'
import { untilDrained } from '../../lib/async.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { withLinkVariables } from '../network/link-environment.ts'
import { findContainer } from './find.ts'
import { isAlive } from './state.ts'
import { publishContainer } from './update-state.ts'

/** What a new process in a container needs. */
export interface ExecRequest {
  readonly id: string
  readonly command: readonly string[]
  readonly tty: boolean
  readonly env: readonly string[]
  readonly user: string | null
  readonly workingDir: string | null
  readonly isPrivileged?: boolean
  readonly columns: number
  readonly rows: number
  /** By which its events tell of it; one that nobody has named yet is named here. */
  readonly execId?: string
}

/** How a client joins a container. */
export interface AttachOptions {
  readonly signal: AbortSignal
  /** One that does not run is joined when it starts. */
  readonly waitForStart?: boolean
  /** A client that lags holds the container back, so that it loses nothing. */
  readonly holdsBack?: boolean
}

/** Joins the main process's stdin and output; with `waitForStart` those of the next start, from its first byte on. */
export async function* attachContainer(
  context: ServiceContext,
  ref: string,
  up: AsyncIterable<TerminalIn>,
  { signal, waitForStart = false, holdsBack = false }: AttachOptions,
): AsyncIterable<TerminalOut> {
  const found = findContainer(context.containers, ref)
  if (waitForStart && !isAlive(found.state.status)) {
    publishContainer(context, found, 'attach')
    const stream = await attachAtStart(context, found.id, { signal, holdsBack })
    const onDetached = () => publishContainer(context, found, 'detach')
    if (stream) yield* relay(stream, up, { signal, onDetached })
    return
  }
  const record = requireRunning(context, ref)
  publishContainer(context, record, 'attach')
  const stream = await context.runtime.attach(record, { holdsBack })
  yield* relay(stream, up, { signal, onDetached: () => publishContainer(context, record, 'detach') })
}

/** The streams of a container that is being started; null when the caller leaves before. */
async function attachAtStart(
  context: ServiceContext,
  id: string,
  { signal, holdsBack }: { readonly signal: AbortSignal; readonly holdsBack: boolean },
): Promise<Duplex | null> {
  const waiting = context.beforeStart.get(id) ?? new Set()
  context.beforeStart.set(id, waiting)
  let join: ((record: ContainerRecord) => Promise<void>) | undefined
  try {
    return await new Promise<Duplex | null>((resolve, reject) => {
      join = (record) => context.runtime.attach(record, { holdsBack }).then(resolve, reject)
      waiting.add(join)
      if (signal.aborted) resolve(null)
      signal.addEventListener('abort', () => resolve(null), { once: true })
    })
  } finally {
    if (join) waiting.delete(join)
    if (waiting.size === 0) context.beforeStart.delete(id)
  }
}

/** Says that a process is going to be run in a container. */
export function noteExec(context: ServiceContext, { id, execId, command }: ExecRequest & { readonly execId: string }) {
  publishContainer(context, findContainer(context.containers, id), 'exec_create', {
    execID: execId,
    command: command.join(' '),
  })
}

/** Runs a new process in a running container. */
export async function* execInContainer(
  context: ServiceContext,
  request: ExecRequest,
  up: AsyncIterable<TerminalIn>,
  options: Pick<RelayOptions, 'signal' | 'onStarted'>,
): AsyncIterable<TerminalOut> {
  const record = requireRunning(context, request.id)
  const execID = request.execId ?? randomBytes(32).toString('hex')
  if (!request.execId) noteExec(context, { ...request, execId: execID })
  const stream = await context.runtime.exec(withLinkVariables(context, record), request)
  publishContainer(context, record, 'exec_start', { execID, command: request.command.join(' ') })
  const onDetached = () => publishContainer(context, record, 'exec_detach', { execID })
  for await (const frame of relay(stream, up, { ...options, onDetached })) {
    if (frame.type === 'exit')
      publishContainer(context, record, 'exec_die', { execID, exitCode: String(frame.exitCode) })
    yield frame
  }
}

function requireRunning(context: ServiceContext, ref: string) {
  const record = findContainer(context.containers, ref)
  if (isAlive(record.state.status) && record.state.status !== 'paused') return record
  throw new EngineError(
    'conflict',
    'container.not-running',
    `container "${record.name}" is ${record.state.status}, not running`,
  )
}

interface RelayOptions {
  readonly signal: AbortSignal
  readonly onStarted?: ((pid: number) => void) | undefined
  readonly onDetached?: (() => void) | undefined
}

async function* relay(
  stream: Duplex,
  up: AsyncIterable<TerminalIn>,
  { signal, onStarted, onDetached }: RelayOptions,
): AsyncIterable<TerminalOut> {
  const close = () => stream.destroy()
  // The caller may have left while the stream was opened.
  if (signal.aborted) return close()
  signal.addEventListener('abort', close, { once: true })
  void forward(up, stream, onDetached).catch(close)
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (chunk[0] === 6) onStarted?.(Number(chunk.subarray(1).toString()))
      const frame = decodeFrame(chunk)
      if (frame) yield frame
    }
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    signal.removeEventListener('abort', close)
    stream.destroy()
  }
}

function decodeFrame(chunk: Buffer): TerminalOut | null {
  const body = chunk.subarray(1)
  switch (chunk[0]) {
    case 2:
      return { type: 'data', stream: 'stdout', data: new Uint8Array(body) }
    case 3:
      return { type: 'data', stream: 'stderr', data: new Uint8Array(body) }
    case 4:
      return { type: 'exit', exitCode: Number(body.toString()) }
    case 5:
      throw EngineError.fromWire(JSON.parse(body.toString()) as WireError)
    default:
      return null
  }
}

async function forward(up: AsyncIterable<TerminalIn>, stream: Duplex, onDetached?: () => void): Promise<void> {
  for await (const frame of up) {
    if (stream.destroyed) return
    if (frame.type === 'detach') onDetached?.()
    const isReady = stream.write(encodeFrame(frame))
    if (!isReady && !stream.destroyed) await untilDrained(stream)
  }
}

function encodeFrame(frame: TerminalIn): Buffer {
  switch (frame.type) {
    case 'data':
      return Buffer.concat([Buffer.of(0), frame.data])
    case 'resize':
      return Buffer.concat([Buffer.of(1), Buffer.from(`${frame.columns} ${frame.rows}`)])
    case 'eof':
      return Buffer.of(2)
    case 'detach':
      return Buffer.of(3)
  }
}
