import type { Duplex } from 'node:stream'
import type { TerminalIn, TerminalOut } from '../../contract/container.ts'
import { createPushQueue, untilDrained } from '../../lib/async.ts'
import { createEscapeFilter } from '../../lib/detach-keys.ts'
import { encodeStdcopy } from '../../lib/stdcopy.ts'

/** What a client types on a taken-over connection, and a way to add resizes to it. */
export interface TerminalInput {
  readonly frames: AsyncIterable<TerminalIn>
  readonly resize: (columns: number, rows: number) => void
}

export interface InputOptions {
  /** Whether what the client sends is stdin; else it is thrown away. */
  readonly hasStdin: boolean
  /** Whether the end of what it sends, and its own end, is the end of stdin. */
  readonly endsStdin: boolean
  /** Bytes by which it leaves without ending anything. */
  readonly detachKeys: readonly number[]
}

const MAX_SIZE = 1000
const MAX_PENDING = 64

/** Reads a connection as terminal input; one that sends faster than is taken waits. */
export function terminalInput(stream: Duplex, { hasStdin, endsStdin, detachKeys }: InputOptions): TerminalInput {
  const queue = createPushQueue<TerminalIn>()
  const filter = createEscapeFilter(detachKeys)
  let hasEnded = false
  const end = () => {
    if (endsStdin && !hasEnded) queue.push({ type: 'eof' })
    hasEnded = true
  }
  if (!hasStdin) end()
  stream.on('data', (chunk: Buffer) => {
    if (!hasStdin || hasEnded) return
    const { data, isDetached } = filter(chunk)
    if (data.length > 0) queue.push({ type: 'data', data: new Uint8Array(data) })
    if (isDetached) {
      hasEnded = true
      queue.push({ type: 'detach' })
    } else if (queue.size > MAX_PENDING) {
      stream.pause()
    }
  })
  stream.on('end', end)
  stream.on('close', () => {
    end()
    queue.end()
  })
  return {
    frames: resumed(queue, stream),
    resize: (columns, rows) => {
      if (columns > 0 && rows > 0)
        queue.push({ type: 'resize', columns: Math.min(columns, MAX_SIZE), rows: Math.min(rows, MAX_SIZE) })
    },
  }
}

/** Lets the client go on once what it sent has been taken. */
async function* resumed(
  queue: AsyncIterable<TerminalIn> & { readonly size: number },
  stream: Duplex,
): AsyncIterable<TerminalIn> {
  for await (const frame of queue) {
    yield frame
    if (queue.size === 0 && stream.isPaused()) stream.resume()
  }
}

/** Writes a process's output to the connection, framed unless there is a terminal, and ends it with the process. */
export async function relayTerminal(
  stream: Duplex,
  output: AsyncIterable<TerminalOut>,
  { tty, wants = () => true }: { readonly tty: boolean; readonly wants?: (name: 'stdout' | 'stderr') => boolean },
): Promise<number | null> {
  let exitCode: number | null = null
  for await (const frame of output) {
    if (frame.type === 'exit') exitCode = frame.exitCode
    else if (!stream.writableEnded && !stream.destroyed && wants(frame.stream)) {
      const isReady = stream.write(tty ? frame.data : encodeStdcopy(frame.stream, frame.data))
      if (!isReady && !stream.destroyed) await untilDrained(stream)
    }
  }
  return exitCode
}
