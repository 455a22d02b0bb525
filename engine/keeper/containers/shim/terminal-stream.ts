import { Duplex } from 'node:stream'
import { EngineError } from '../../../contract/errors.ts'
import type { TerminalStream } from '../../../host/host.ts'
import type { Relay, RelaySocket } from './relay.ts'
import type { RelayMode } from './relay-protocol.ts'

const READABLE_FRAMES = 4

/** How a terminal stream is tied to its process. */
export interface TerminalOptions {
  readonly relay: Relay
  /** Holds conmon's `attach` and `ctl`. */
  readonly folder: string
  readonly mode: RelayMode
  readonly takesStdin: boolean
  /** The process's stdin ends when the reader leaves. */
  readonly endsStdin: boolean
  readonly resize: (columns: number, rows: number) => void
  /** The exit code, or what went wrong instead; asked once the output is over. */
  readonly outcome: () => Promise<number | EngineError>
  /** The reader left before the end. */
  readonly onLeft?: () => void
  /** A pid to tell, once it is known. */
  readonly started?: Promise<number>
}

/** Joins a conmon's attach socket and a stream of frames as `host.ts` describes them. */
export async function openTerminalStream(options: TerminalOptions): Promise<TerminalStream> {
  const queue: Buffer[] = []
  let wanted = false
  let isOver = false
  let hasEnded = false
  let socket: RelaySocket | undefined

  const flush = () => {
    while (wanted && queue.length) {
      const frame = queue.shift() as Buffer
      if (frame[0] === 2 || frame[0] === 3) socket?.consumed(frame.length - 1)
      wanted = duplex.push(frame)
    }
    if (isOver && !queue.length && !hasEnded && !duplex.destroyed) {
      hasEnded = true
      duplex.push(null)
    }
  }
  const finish = (last: Buffer | null) => {
    if (isOver) return
    isOver = true
    if (last) queue.push(last)
    flush()
  }
  const fail = (error: EngineError) => finish(frame(5, JSON.stringify(error.toWire())))

  const duplex = new Duplex({
    readableObjectMode: true,
    readableHighWaterMark: READABLE_FRAMES,
    read() {
      wanted = true
      flush()
    },
    write(chunk: Buffer, _encoding, done) {
      void obey(chunk).then(() => done(), done)
    },
    final: (done) => done(),
    destroy(error, done) {
      socket?.close({ endsStdin: options.endsStdin })
      queue.length = 0
      if (!isOver) options.onLeft?.()
      isOver = true
      done(error)
    },
  })
  const obey = async (chunk: Buffer) => {
    if (isOver) return
    const body = chunk.subarray(1)
    if (chunk[0] === 0 && options.takesStdin && body.length) await socket?.write(new Uint8Array(body))
    else if (chunk[0] === 2 && options.takesStdin) socket?.endStdin()
    else if (chunk[0] === 3) finish(null)
    else if (chunk[0] === 1) {
      const [columns = 0, rows = 0] = body.toString().split(' ').map(Number)
      options.resize(columns, rows)
    }
  }
  duplex.on('error', () => {})
  duplex.on('end', () => duplex.destroy())

  void options.started?.then((pid) => {
    if (isOver || pid <= 0) return
    queue.push(frame(6, String(pid)))
    flush()
  })
  socket = await options.relay.open(options.folder, options.mode, {
    onFrame(bytes) {
      if (isOver) return
      queue.push(bytes)
      flush()
    },
    onSlow() {
      queue.length = 0
      fail(new EngineError('unavailable', 'attach.slow-reader', 'the reader is more than 8 MiB behind the output'))
    },
    onEnded: () =>
      void options.outcome().then(
        (outcome) => (outcome instanceof EngineError ? fail(outcome) : finish(frame(4, String(outcome)))),
        (error: unknown) => fail(EngineError.from(error)),
      ),
  })
  return duplex
}

function frame(kind: number, text: string): Buffer {
  return Buffer.concat([Buffer.of(kind), Buffer.from(text)])
}
