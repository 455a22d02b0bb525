import type { z } from 'zod'
import type { Procedure } from '../contract/define.ts'
import { type CallContext, contract, EngineError, type Handlers, type WireError } from '../contract/index.ts'
import { type ServerPort, serveStream } from './stream-server.ts'

/*
 * IPC, renderer ↔ main:
 *
 *   invoke 'rpc:invoke' (path, input)      → {ok:true,value} | {ok:false,error}     queries and commands
 *   send   'rpc:open'   (path, input, nonce)                                        streams
 *     main answers 'rpc:port' (nonce) with one end of a MessageChannel; see stream-server.ts for its frames
 *
 * Paths are `noun.verb` and looked up as own properties, so `__proto__.x` is nothing.
 */

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
  /** Procedures of the desktop itself (`desktop.verb`). They check their own input. */
  readonly desktopHandlers: Readonly<Record<string, (input: never) => Promise<unknown>>>
  readonly ipcMain: IpcMainLike
  readonly isTrustedSender: (event: IpcEvent) => boolean
  readonly createChannel: () => { readonly port1: ServerPort; readonly port2: unknown }
}

type Answer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: WireError }

/** Serves the contract to the window. */
export function serveIpc({
  handlers,
  desktopHandlers,
  ipcMain,
  isTrustedSender,
  createChannel,
}: ServeIpcOptions): void {
  ipcMain.handle('rpc:invoke', async (event, path, input): Promise<Answer> => {
    try {
      if (!isTrustedSender(event))
        throw new EngineError('forbidden', 'ipc.untrusted', 'the sender is not the app window')
      const desktop = own(desktopHandlers, String(path).replace(/^desktop\./, ''))
      if (String(path).startsWith('desktop.') && desktop) return { ok: true, value: await desktop(input as never) }
      const value = await callProcedure(await handlers, path, input, new AbortController().signal)
      return { ok: true, value }
    } catch (error) {
      return { ok: false, error: EngineError.from(error).toWire() }
    }
  })

  ipcMain.on('rpc:open', (event, path, input, nonce) => {
    const { sender } = event
    if (!isTrustedSender(event) || typeof nonce !== 'string' || nonce.length > 64) return
    const { port1, port2 } = createChannel()
    serveStream(port1, async function* (context) {
      yield* openProcedure(await handlers, { path, input }, context)
    })
    if (sender.isDestroyed()) port1.close()
    else sender.postMessage('rpc:port', nonce, [port2 as never])
  })
}

/** Parses the input of a query or command and calls it. */
export async function callProcedure(
  handlers: Handlers,
  path: unknown,
  input: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const { procedure, handler } = resolve(handlers, path)
  if (procedure.kind === 'stream')
    throw new EngineError('invalidArgument', 'ipc.wrong-kind', `${String(path)} is a stream`)
  return handler(parseInput(procedure.input, path, input), { signal })
}

async function* openProcedure(
  handlers: Handlers,
  call: { path: unknown; input: unknown },
  context: CallContext & { up: AsyncIterable<unknown> },
): AsyncIterable<unknown> {
  const { procedure, handler } = resolve(handlers, call.path)
  if (procedure.kind !== 'stream')
    throw new EngineError('invalidArgument', 'ipc.wrong-kind', `${String(call.path)} is no stream`)
  const parsed = parseInput(procedure.input, call.path, call.input)
  const up = (async function* () {
    for await (const frame of context.up) yield parseInput(procedure.up, call.path, frame)
  })()
  yield* handler(parsed, { signal: context.signal, up }) as AsyncIterable<unknown>
}

type AnyHandler = (
  input: unknown,
  context: CallContext & { up?: AsyncIterable<unknown> },
) => Promise<unknown> | AsyncIterable<unknown>

function resolve(handlers: Handlers, path: unknown): { procedure: Procedure; handler: AnyHandler } {
  const [noun = '', verb = '', ...rest] = String(path).split('.')
  const procedures = own(contract as Record<string, Record<string, Procedure>>, noun)
  const procedure = procedures && own(procedures, verb)
  const handler =
    procedure && own((handlers as unknown as Record<string, Record<string, AnyHandler>>)[noun] ?? {}, verb)
  if (!procedure || !handler || rest.length > 0) {
    throw new EngineError('notFound', 'ipc.no-such-procedure', `there is no procedure "${String(path).slice(0, 80)}"`)
  }
  return { procedure, handler }
}

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
