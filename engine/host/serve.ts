import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { EngineError } from '../contract/errors.ts'
import { type ByteChannel, createByteChannel } from './byte-channel.ts'
import { createFrameDecoder, encodeFrame, FRAME, type Frame } from './frames.ts'
import type { HOST_STREAMS, Host, HostCallContext } from './host.ts'

type AnyCall = (params: unknown, context: HostCallContext) => Promise<unknown>

/** Serves a Host to one client. When the socket closes, what the client started is cancelled; containers are not. */
export function serveHost(host: Host, socket: Socket): void {
  const decode = createFrameDecoder()
  const calls = new Map<number, AbortController>()
  const channels = new Map<number, ByteChannel>()
  const write = (frame: Buffer) => {
    if (socket.writable) socket.write(frame)
  }

  const answerCall = async ({ id, payload }: Frame) => {
    const stop = new AbortController()
    calls.set(id, stop)
    try {
      const { method, params } = JSON.parse(payload.toString()) as { method: string; params: unknown }
      const value = await find(host, method)(params, {
        signal: stop.signal,
        onProgress: (progress) => write(encodeFrame(FRAME.progress, id, JSON.stringify(progress))),
      })
      write(encodeFrame(FRAME.result, id, JSON.stringify(value ?? null)))
    } catch (error) {
      write(encodeFrame(FRAME.error, id, JSON.stringify(EngineError.from(error).toWire())))
    } finally {
      calls.delete(id)
    }
  }

  const answerOpen = async ({ id, payload }: Frame) => {
    try {
      const { method, params } = JSON.parse(payload.toString()) as { method: string; params: unknown }
      const inner = (await find(host, method)(params, {})) as Duplex
      const channel = createByteChannel(
        (kind, body) => write(encodeFrame(kind, id, body)),
        () => channels.delete(id),
      )
      channels.set(id, channel)
      write(encodeFrame(FRAME.opened, id))
      join(inner, channel.duplex)
    } catch (error) {
      write(encodeFrame(FRAME.error, id, JSON.stringify(EngineError.from(error).toWire())))
    }
  }

  socket.on('data', (chunk) => {
    try {
      for (const frame of decode(chunk)) {
        if (frame.kind === FRAME.call) void answerCall(frame)
        else if (frame.kind === FRAME.open) void answerOpen(frame)
        else if (frame.kind === FRAME.cancel) calls.get(frame.id)?.abort()
        else channels.get(frame.id)?.receive(frame.kind, frame.payload)
      }
    } catch {
      socket.destroy()
    }
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    for (const stop of calls.values()) stop.abort()
    for (const { duplex } of channels.values()) duplex.destroy()
  })
}

/** Joins two chunk-preserving streams; the end of one is the end of the other. */
function join(a: Duplex, b: Duplex): void {
  a.pipe(b)
  b.pipe(a)
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('error', () => to.destroy())
    from.on('close', () => {
      if (from.readableEnded) to.end()
      else to.destroy()
    })
  }
}

function find(host: Host, method: string): AnyCall {
  if (!Object.hasOwn(host, method))
    throw new EngineError('notImplemented', 'host.no-such-call', `the keeper has no call "${method}"`)
  return host[method as Exclude<keyof Host, (typeof HOST_STREAMS)[number]>] as unknown as AnyCall
}
