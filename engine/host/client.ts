import net from 'node:net'
import type { Duplex } from 'node:stream'
import { EngineError, type WireError } from '../contract/errors.ts'
import { type ByteChannel, createByteChannel } from './byte-channel.ts'
import { createFrameDecoder, encodeFrame, FRAME, type Frame } from './frames.ts'
import { HOST_STREAMS, type Host, type HostCallContext } from './host.ts'

/** A Host on the other side of a socket. */
export type HostClient = Host & { readonly close: () => void }

interface Pending {
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
  readonly onProgress?: ((progress: unknown) => void) | undefined
}

/** Connects to a keeper. `onClose` is told once when the connection is gone; open calls fail with `keeper.lost`. */
export function connectHost(socketPath: string, options: { readonly onClose?: () => void } = {}): Promise<HostClient> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(socketPath)
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(createClient(socket, options.onClose))
    })
  })
}

function createClient(socket: net.Socket, onClose?: () => void): HostClient {
  const pending = new Map<number, Pending>()
  const channels = new Map<number, ByteChannel>()
  const decode = createFrameDecoder()
  let nextId = 1

  const call = (method: string, params: unknown, context: HostCallContext = {}) =>
    new Promise((resolve, reject) => {
      if (socket.destroyed) return reject(lost())
      const id = nextId++
      const { signal, onProgress } = context
      const cancel = () => pending.has(id) && socket.write(encodeFrame(FRAME.cancel, id))
      // One signal serves many calls: each takes its listener along.
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          signal?.removeEventListener('abort', cancel)
          settle(value)
        }
      pending.set(id, { resolve: settled(resolve), reject: settled(reject), onProgress })
      socket.write(encodeFrame(FRAME.call, id, JSON.stringify({ method, params })))
      if (signal?.aborted) cancel()
      signal?.addEventListener('abort', cancel, { once: true })
    })

  const open = (method: string, params: unknown): Promise<Duplex> => {
    if (socket.destroyed) return Promise.reject(lost())
    const id = nextId++
    const channel = createByteChannel(
      (kind, body) => void (socket.writable && socket.write(encodeFrame(kind, id, body))),
      () => channels.delete(id),
    )
    channels.set(id, channel)
    return new Promise((resolve, reject) => {
      pending.set(id, {
        resolve: () => resolve(channel.duplex),
        reject: (error) => (channels.delete(id), reject(error)),
      })
      socket.write(encodeFrame(FRAME.open, id, JSON.stringify({ method, params })))
    })
  }

  const receive = ({ kind, id, payload }: Frame) => {
    const waiting = pending.get(id)
    if (kind === FRAME.progress) waiting?.onProgress?.(JSON.parse(payload.toString()))
    else if (kind === FRAME.result || kind === FRAME.opened) {
      pending.delete(id)
      waiting?.resolve((kind === FRAME.result ? JSON.parse(payload.toString()) : undefined) as never)
    } else if (kind === FRAME.error) {
      pending.delete(id)
      waiting?.reject(EngineError.fromWire(JSON.parse(payload.toString()) as WireError))
    } else channels.get(id)?.receive(kind, payload)
  }

  socket.on('data', (chunk) => decode(chunk).forEach(receive))
  socket.on('error', () => {})
  socket.on('close', () => {
    for (const { reject } of pending.values()) reject(lost())
    pending.clear()
    for (const { duplex } of [...channels.values()]) duplex.destroy(lost())
    onClose?.()
  })

  return new Proxy({ close: () => void socket.destroy() } as unknown as HostClient, {
    get(target, name: string) {
      if (name === 'close') return target.close
      if (name === 'then') return undefined
      if ((HOST_STREAMS as readonly string[]).includes(name)) return (params: unknown) => open(name, params)
      return (params: unknown, context?: HostCallContext) => call(name, params, context)
    },
  })
}

function lost(): EngineError {
  return new EngineError('unavailable', 'keeper.lost', 'the connection to the keeper was lost; it is being restarted')
}
