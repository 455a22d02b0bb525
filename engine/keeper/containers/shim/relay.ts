import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { EngineError } from '../../../contract/errors.ts'
import type { ProcessRef } from '../../../host/host.ts'
import { closeFd, createEventfd, signalEventfd } from '../../libc/socket.ts'
import type { FromRelay, RelayMode, RelayWorkerData, ToRelay } from './relay-protocol.ts'

/** What happens on a relayed socket. */
export interface RelayListener {
  readonly onFrame: (frame: Buffer) => void
  /** The reader lagged too far behind and was let go. */
  readonly onSlow: () => void
  readonly onEnded: () => void
}
export interface RelaySocket {
  /** Done once conmon took the bytes. */
  write(bytes: Uint8Array): Promise<void>
  endStdin(): void
  consumed(bytes: number): void
  close(options: { readonly endsStdin: boolean }): void
}
/** This thread's side of the relay worker. */
export interface Relay {
  /** Tells `onDied` once, when the process is gone. */
  watch(id: string, process: ProcessRef): void
  unwatch(id: string): void
  /** Joins the readers of `folder/attach`. */
  open(folder: string, mode: RelayMode, listener: RelayListener): Promise<RelaySocket>
  close(): Promise<void>
}

interface OpenStream extends RelayListener {
  readonly written: (() => void)[]
  readonly settle: (message: string | null) => void
}

/** Starts the relay worker from the keeper's bundled file. A worker that dies is replaced and its watches re-armed. */
export function startRelay(entryFile: string, onDied: (id: string) => void): Relay {
  const wakeFd = createEventfd()
  const watched = new Map<string, ProcessRef>()
  const streams = new Map<number, OpenStream>()
  let nextStream = 1
  let isClosing = false
  let port: MessagePort
  let worker: Worker
  let ended: Promise<void>

  const send = (message: ToRelay) => {
    if (isClosing) return
    port.postMessage(message)
    signalEventfd(wakeFd)
  }

  const take = (message: FromRelay) => {
    if (message.type === 'died') {
      if (watched.delete(message.id)) onDied(message.id)
      return
    }
    const stream = streams.get(message.stream)
    if (!stream) return
    if (message.type === 'frame')
      stream.onFrame(Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength))
    else if (message.type === 'wrote') stream.written.shift()?.()
    else if (message.type === 'opened') stream.settle(null)
    else if (message.type === 'failed') stream.settle(message.message)
    else finish(message.stream, message.type)
  }

  const finish = (id: number, how: 'ended' | 'slow') => {
    const stream = streams.get(id)
    streams.delete(id)
    for (const done of stream?.written.splice(0) ?? []) done()
    stream?.settle('the connection was lost')
    if (how === 'slow') stream?.onSlow()
    else stream?.onEnded()
  }

  const start = () => {
    const channel = new MessageChannel()
    port = channel.port1
    port.on('message', take)
    const data: RelayWorkerData = { role: 'attach-relay', port: channel.port2, wakeFd }
    worker = new Worker(entryFile, { workerData: data, transferList: [channel.port2] })
    worker.on('error', () => {})
    ended = new Promise((resolve) => worker.once('exit', () => resolve()))
    worker.once('exit', () => {
      port.close()
      if (isClosing) return
      for (const id of [...streams.keys()]) finish(id, 'ended')
      setTimeout(() => {
        if (isClosing) return
        start()
        for (const [id, process] of watched) send({ type: 'watch', id, ...process })
      }, 100)
    })
  }
  start()

  return {
    watch(id, process) {
      watched.set(id, process)
      send({ type: 'watch', id, ...process })
    },
    unwatch(id) {
      if (watched.delete(id)) send({ type: 'unwatch', id })
    },
    async open(folder, mode, listener) {
      const stream = nextStream++
      const written: (() => void)[] = []
      const problem = await new Promise<string | null>((settle) => {
        streams.set(stream, { ...listener, written, settle })
        send({ type: 'open', stream, folder, mode })
      })
      if (problem !== null) {
        streams.delete(stream)
        throw new EngineError('unavailable', 'attach.not-connected', `cannot attach: ${problem}`)
      }
      return {
        write: (bytes) =>
          new Promise<void>((resolve) => {
            if (!streams.has(stream)) return resolve()
            written.push(resolve)
            send({ type: 'write', stream, bytes })
          }),
        endStdin: () => send({ type: 'eof', stream }),
        consumed: (bytes) => send({ type: 'consumed', stream, bytes }),
        close({ endsStdin }) {
          if (!streams.delete(stream)) return
          for (const done of written.splice(0)) done()
          send({ type: 'close', stream, endsStdin })
        },
      }
    },
    async close() {
      if (isClosing) return
      send({ type: 'stop' })
      isClosing = true
      await ended
      port.close()
      for (const id of [...streams.keys()]) finish(id, 'ended')
      closeFd(wakeFd)
    },
  }
}
