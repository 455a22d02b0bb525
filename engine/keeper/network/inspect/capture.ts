import { existsSync } from 'node:fs'
import { Duplex } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { EngineError } from '../../../contract/errors.ts'
import type { CaptureParams } from '../../../host/inspection.ts'
import { closeFd, createEventfd, signalEventfd } from '../../libc/socket.ts'
import type { CaptureWorkerData, FromCapture, ToCapture } from './capture-worker.ts'
import { pcapHeader } from './pcap.ts'

/** Each is a thread of its own. */
const MOST_CAPTURES = 16
const TOTALS_BYTES = 8
const EPERM = 1

/** The captures of a keeper. */
export interface Captures {
  open(params: CaptureParams): Promise<Duplex>
  /** Ends those in a container's namespace, which would live on with them; resolves when they are out of it. */
  endIn(containerId: string): Promise<void>
  endAll(): Promise<void>
}

/** Records interfaces of containers' namespaces. */
export function createCaptures(keeperFile: string, pathOf: (containerId: string) => string): Captures {
  const running = new Map<CaptureThread, string>()
  const end = async (isIt: (containerId: string) => boolean) => {
    const threads = [...running].filter(([, id]) => isIt(id)).map(([thread]) => thread)
    for (const thread of threads) thread.stop()
    await Promise.all(threads.map(({ over }) => over))
  }
  return {
    async open({ containerId, interface: name }) {
      const netnsPath = pathOf(containerId)
      if (!existsSync(netnsPath))
        throw new EngineError('conflict', 'capture.not-running', 'the container does not run any more')
      if (running.size >= MOST_CAPTURES)
        throw new EngineError(
          'conflict',
          'capture.too-many',
          `${MOST_CAPTURES} captures run already: stop one of them first`,
        )
      const thread = startThread(keeperFile, { netnsPath, interface: name })
      running.set(thread, containerId)
      void thread.over.then(() => running.delete(thread))
      await thread.started
      return thread.stream
    },
    endIn: (containerId) => end((id) => id === containerId),
    endAll: () => end(() => true),
  }
}

interface CaptureThread {
  readonly stream: Duplex
  readonly started: Promise<void>
  /** The thread has left the namespace. */
  readonly over: Promise<void>
  stop(): void
}

function startThread(
  keeperFile: string,
  where: { readonly netnsPath: string; readonly interface: string },
): CaptureThread {
  const wakeFd = createEventfd()
  const workerData: CaptureWorkerData = { role: 'capture', ...where, wakeFd }
  const worker = new Worker(keeperFile, { workerData })
  worker.unref()
  const tell = (message: ToCapture) => {
    if (isOver) return
    worker.postMessage(message)
    signalEventfd(wakeFd)
  }
  let isOver = false
  const { stream, take } = createPcapStream(tell)
  const started = new Promise<void>((resolve, reject) => {
    worker.on('message', (message: FromCapture) => {
      if (message.type === 'started') resolve()
      else if (message.type === 'failed') reject(explain(where.interface, message))
      else take(message)
    })
    worker.once('error', reject)
  })
  const over = new Promise<void>((resolve) => {
    worker.once('exit', () => {
      isOver = true
      closeFd(wakeFd)
      take({ type: 'ended' })
      resolve()
    })
  })
  return { stream, started, over, stop: () => tell({ type: 'stop' }) }
}

/** Chunks as `inspection.ts` describes them. What the reader has not taken holds the thread back. */
function createPcapStream(tell: (message: ToCapture) => void) {
  const waiting: { readonly chunk: Buffer | null; readonly bytes: number }[] = []
  let isWanted = false
  let isEnded = false
  const totals = { packets: 0, dropped: 0 }
  const hand = () => {
    while (isWanted && waiting.length > 0) {
      const { chunk, bytes } = waiting.shift() as (typeof waiting)[number]
      isWanted = stream.push(chunk)
      if (bytes > 0) tell({ type: 'taken', bytes })
    }
  }
  const queue = (chunk: Buffer | null, bytes = 0) => {
    waiting.push({ chunk, bytes })
    hand()
  }
  const stream = new Duplex({
    readableObjectMode: true,
    readableHighWaterMark: 4,
    read() {
      isWanted = true
      hand()
    },
    write(_chunk, _encoding, done) {
      tell({ type: 'stop' })
      done()
    },
    destroy(error, done) {
      tell({ type: 'stop' })
      waiting.length = 0
      done(error)
    },
  })
  stream.on('error', () => {})
  queue(withTotals(totals, pcapHeader()))
  const take = (message: FromCapture) => {
    if (isEnded || stream.destroyed)
      return message.type === 'records' && tell({ type: 'taken', bytes: message.bytes.length })
    if (message.type === 'ended') {
      isEnded = true
      queue(null)
    } else if (message.type === 'records') {
      totals.packets += message.packets
      totals.dropped += message.dropped
      queue(withTotals(totals, Buffer.from(message.bytes.buffer)), message.bytes.length)
    }
  }
  return { stream, take }
}

function withTotals({ packets, dropped }: { packets: number; dropped: number }, bytes: Buffer): Buffer {
  const head = Buffer.alloc(TOTALS_BYTES)
  head.writeUInt32BE(packets >>> 0, 0)
  head.writeUInt32BE(dropped >>> 0, 4)
  return Buffer.concat([head, bytes])
}

function explain(name: string, { errno, message }: { readonly errno: number; readonly message: string }): EngineError {
  const { ENODEV, ENXIO } = { ENODEV: 19, ENXIO: 6 }
  if (errno === ENODEV || errno === ENXIO)
    return new EngineError('invalidArgument', 'capture.no-interface', `there is no interface "${name}" any more`)
  return new EngineError(
    errno === EPERM ? 'forbidden' : 'internal',
    'capture.failed',
    `${name} cannot be recorded: ${message.replace(/^\w*Error: /, '')}`,
  )
}
