import type { z } from 'zod'
import type { Handlers as HandlersOf, Procedure } from '../contract/define.ts'
import { desktop } from '../contract/desktop.ts'
import { type CallContext, contract, EngineError, type Handlers, type WireError } from '../contract/index.ts'
import { type ServerPort, serveStream } from './stream-server.ts'

/*
 * IPC, renderer ↔ main:
 *
 *   invoke 'rpc:invoke' (path, input)      → {ok:true,value} | {ok:false,error}     queries and commands
 *   send   'rpc:open'   (path, input, nonce)                                        streams
 *     main answers 'rpc:port' (nonce) with one end of a MessageChannel; see stream-server.ts for its frames
 *
 * A window has so many streams open at a time; one more is answered by a port that says so and closes.
 *
 * Paths are `noun.verb` and looked up as own properties, so `__proto__.x` is nothing.
 */

/** Far more than its lists, terminals and logs need, and few enough that none of what each costs adds up. */
const MOST_STREAMS = 256

/** The part of Electron's IPC event in use. */
export interface IpcEvent {
  readonly sender: { isDestroyed(): boolean; postMessage(channel: string, message: unknown, transfer?: never[]): void }
  readonly senderFrame: { readonly url: string } | null
}

/** The few calls of Electron's `ipcMain` in use; redeclared so that this folder stays Electron-free. */
export interface IpcMainLike {
  handle(channel: string, listener: (event: IpcEvent, ...args: unknown[]) => Promise<unknown>): void
  on(channel: string, listener: (event: IpcEvent, ...args: unknown[]) => void): unknown
}

export interface ServeIpcOptions {
  /** May still be starting: calls wait for it. */
  readonly handlers: Handlers | Promise<Handlers>
  /** Procedures of the desktop itself (`desktop.verb`); they answer without an engine too. */
  readonly desktopHandlers: DesktopHandlers
  readonly ipcMain: IpcMainLike
  readonly isTrustedSender: (event: IpcEvent) => boolean
  readonly createChannel: () => { readonly port1: ServerPort; readonly port2: unknown }
}

/** One function a procedure of the desktop. */
export type DesktopHandlers = HandlersOf<{ readonly desktop: typeof desktop }>['desktop']

type Answer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: WireError }

/** Serves the contract to the window. */
export function serveIpc({
  handlers,
  desktopHandlers,
  ipcMain,
  isTrustedSender,
  createChannel,
}: ServeIpcOptions): void {
  const served: Served = { engine: handlers, desktop: desktopHandlers }
  ipcMain.handle('rpc:invoke', async (event, path, input): Promise<Answer> => {
    try {
      if (!isTrustedSender(event))
        throw new EngineError('forbidden', 'ipc.untrusted', 'the sender is not the app window')
      const { procedure, handler } = await resolve(served, path)
      if (procedure.kind === 'stream')
        throw new EngineError('invalidArgument', 'ipc.wrong-kind', `${String(path)} is a stream`)
      const parsed = parseInput(procedure.input, path, input)
      return { ok: true, value: await handler(parsed, { signal: new AbortController().signal }) }
    } catch (error) {
      return { ok: false, error: EngineError.from(error).toWire() }
    }
  })

  const openStreams = new WeakMap<IpcEvent['sender'], number>()
  const count = (sender: IpcEvent['sender'], change: number) =>
    openStreams.set(sender, (openStreams.get(sender) ?? 0) + change)
  ipcMain.on('rpc:open', (event, path, input, nonce) => {
    const { sender } = event
    if (!isTrustedSender(event) || sender.isDestroyed() || typeof nonce !== 'string' || nonce.length > 64) return
    const { port1, port2 } = createChannel()
    const isOneTooMany = (openStreams.get(sender) ?? 0) >= MOST_STREAMS
    count(sender, 1)
    void serveStream(port1, {
      accept: (frame) => parseFrame(path, frame),
      async *produce(context) {
        if (isOneTooMany) throw tooManyStreams()
        yield* openProcedure(served, { path, input }, context)
      },
    }).finally(() => count(sender, -1))
    sender.postMessage('rpc:port', nonce, [port2 as never])
  })
}

const tooManyStreams = () =>
  new EngineError(
    'unavailable',
    'ipc.too-many-streams',
    `the window has ${MOST_STREAMS} streams open, and no more may be; close terminals, logs or transfers and try again`,
  )

async function* openProcedure(
  served: Served,
  call: { path: unknown; input: unknown },
  context: CallContext & { up: AsyncIterable<unknown> },
): AsyncIterable<unknown> {
  const { procedure, handler } = await resolve(served, call.path)
  if (procedure.kind !== 'stream')
    throw new EngineError('invalidArgument', 'ipc.wrong-kind', `${String(call.path)} is no stream`)
  const parsed = parseInput(procedure.input, call.path, call.input)
  yield* handler(parsed, context) as AsyncIterable<unknown>
}

/** What a window sends into a stream is checked when it comes, so that nothing waits that nobody would take. */
function parseFrame(path: unknown, frame: unknown): unknown {
  const procedure = findProcedure(path)
  if (procedure?.kind !== 'stream') throw noSuchProcedure(path)
  return parseInput(procedure.up, path, frame)
}

type AnyHandler = (
  input: unknown,
  context: CallContext & { up?: AsyncIterable<unknown> },
) => Promise<unknown> | AsyncIterable<unknown>

interface Served {
  readonly engine: Handlers | Promise<Handlers>
  readonly desktop: DesktopHandlers
}
const DECLARED: Readonly<Record<string, Readonly<Record<string, Procedure>>>> = { ...contract, desktop }

async function resolve(served: Served, path: unknown): Promise<{ procedure: Procedure; handler: AnyHandler }> {
  const procedure = findProcedure(path)
  if (procedure) {
    const [noun = '', verb = ''] = String(path).split('.')
    const handlers = noun === 'desktop' ? { desktop: served.desktop } : await served.engine
    const handler = own((handlers as unknown as Record<string, Record<string, AnyHandler>>)[noun] ?? {}, verb)
    if (handler) return { procedure, handler }
  }
  throw noSuchProcedure(path)
}

function findProcedure(path: unknown): Procedure | undefined {
  const [noun = '', verb = '', ...rest] = String(path).split('.')
  const procedures = rest.length === 0 ? own(DECLARED, noun) : undefined
  return procedures && own(procedures, verb)
}

const noSuchProcedure = (path: unknown) =>
  new EngineError('notFound', 'ipc.no-such-procedure', `there is no procedure "${String(path).slice(0, 80)}"`)

function parseInput(schema: z.ZodType, path: unknown, input: unknown): unknown {
  const result = schema.safeParse(input)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const where = issue?.path.join('.') || 'input'
  throw new EngineError(
    'invalidArgument',
    'input.invalid',
    `${String(path)}: ${where}: ${issue?.message ?? 'is not valid'}`,
    { details: { field: where } },
  )
}

function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}
