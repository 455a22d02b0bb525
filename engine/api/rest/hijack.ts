import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { TerminalIn, TerminalOut } from '../../contract/container.ts'
import { createPushQueue } from '../../lib/async.ts'
import { encodeStdcopy } from '../../lib/stdcopy.ts'

/** What a client types on a taken-over connection, and a way to add resizes to it. */
export interface TerminalInput {
  readonly frames: AsyncIterable<TerminalIn>
  readonly resize: (columns: number, rows: number) => void
}

const MAX_SIZE = 1000

/** Reads a connection as terminal input; its half-close is the end of stdin. Without `hasStdin` only resizes come. */
export function terminalInput(stream: Duplex, hasStdin: boolean): TerminalInput {
  const queue = createPushQueue<TerminalIn>()
  if (!hasStdin) queue.push({ type: 'eof' })
  stream.on('data', (chunk: Buffer) => {
    if (hasStdin) queue.push({ type: 'data', data: new Uint8Array(chunk) })
  })
  stream.on('end', () => hasStdin && queue.push({ type: 'eof' }))
  stream.on('close', () => queue.end())
  return {
    frames: queue,
    resize: (columns, rows) => {
      if (columns > 0 && rows > 0)
        queue.push({ type: 'resize', columns: Math.min(columns, MAX_SIZE), rows: Math.min(rows, MAX_SIZE) })
    },
  }
}

/** Writes a process's output to the connection, framed unless there is a terminal, and ends it with the process. */
export async function relayTerminal(
  stream: Duplex,
  output: AsyncIterable<TerminalOut>,
  { tty }: { readonly tty: boolean },
): Promise<number | null> {
  let exitCode: number | null = null
  for await (const frame of output) {
    if (frame.type === 'exit') exitCode = frame.exitCode
    else if (!stream.writableEnded && !stream.write(tty ? frame.data : encodeStdcopy(frame.stream, frame.data)))
      await Promise.race([once(stream, 'drain'), once(stream, 'close')])
  }
  stream.end()
  return exitCode
}
