import { type FileHandle, open } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import type { CaptureProgress } from '../../contract/capture.ts'
import { EngineError } from '../../contract/errors.ts'
import { streamWork } from '../../lib/async.ts'
import type { ServiceContext } from '../context.ts'
import { findEnd } from './reach/ends.ts'

const TOLD_EVERY_MS = 200
const TOTALS_BYTES = 8

export interface CaptureRequest {
  readonly container: string
  readonly interface: string
  readonly path: string
  readonly limitBytes: number
}

/** Records an interface of a container into a file until it is told to stop, the limit is reached, or it is gone. */
export function captureInterface(
  context: ServiceContext,
  request: CaptureRequest,
  { signal, up }: { readonly signal: AbortSignal; readonly up: AsyncIterable<{ readonly type: 'stop' }> },
): AsyncIterable<CaptureProgress> {
  return streamWork(signal, async (stop, onProgress) => {
    const packets = await context.network.inspection.capture(placeOf(context, request))
    let why: CaptureProgress['state'] = 'gone'
    const end = (reason: CaptureProgress['state']) => {
      if (why === 'gone') why = reason
      packets.write(Buffer.of(0))
    }
    stop.addEventListener('abort', () => end('stopped'), { once: true })
    if (stop.aborted) end('stopped')
    void (async () => {
      for await (const _ of up) end('stopped')
    })().catch(() => {})
    const file = await openFile(request.path).catch((error: unknown) => {
      packets.destroy()
      throw error
    })
    try {
      const last = await record(packets, file, {
        limitBytes: request.limitBytes,
        onProgress,
        onFull: () => end('limit'),
      })
      onProgress({ ...last, state: why })
    } finally {
      packets.destroy()
      await file.close()
    }
  })
}

/** Where to record; refused for the host's own network and for interfaces that the container has not. */
function placeOf(context: ServiceContext, request: CaptureRequest) {
  const { owner, record, isOnHost, isRunning, members } = findEnd(context, request.container)
  const refuse = (code: 'conflict' | 'invalidArgument', reason: string, text: string) =>
    new EngineError(code, `capture.${reason}`, text, { details: { container: record.name } })
  if (!isRunning) throw refuse('conflict', 'not-running', `${record.name} does not run: start it first`)
  if (isOnHost)
    throw refuse(
      'invalidArgument',
      'on-host',
      `${record.name} is on this machine’s own network; record that one with: sudo tcpdump -w FILE`,
    )
  const names = [...members.map(({ endpoint }) => endpoint.interface), 'lo']
  if (!names.includes(request.interface))
    throw refuse(
      'invalidArgument',
      'no-interface',
      `${record.name} has no interface "${request.interface}"; it has ${names.join(', ')}`,
    )
  return { containerId: owner.id, interface: request.interface }
}

async function openFile(path: string): Promise<FileHandle> {
  return open(path, 'w', 0o600).catch((cause: NodeJS.ErrnoException) => {
    throw new EngineError(
      'invalidArgument',
      'capture.file',
      `${path} cannot be written (${cause.code}): choose another folder or name`,
      { cause, details: { path } },
    )
  })
}

interface Recording {
  readonly limitBytes: number
  readonly onProgress: (progress: CaptureProgress) => void
  /** Told once; what is on its way is still written. */
  readonly onFull: () => void
}

/** Writes what comes, in order; a disk that is slow holds the packets back, not this process's memory. */
async function record(packets: Duplex, file: FileHandle, { limitBytes, onProgress, onFull }: Recording) {
  const progress = { state: 'running' as const, packets: 0, bytes: 0, dropped: 0 }
  // Not when the next packets come: there may be none for a long time.
  let telling: NodeJS.Timeout | undefined
  const tell = () => {
    telling = undefined
    onProgress({ ...progress })
  }
  let isFull = false
  try {
    for await (const chunk of packets as AsyncIterable<Buffer>) {
      const bytes = chunk.subarray(TOTALS_BYTES)
      if (isFull) continue
      await file.writeFile(bytes)
      progress.packets = chunk.readUInt32BE(0)
      progress.dropped = chunk.readUInt32BE(4)
      progress.bytes += bytes.length
      telling ??= setTimeout(tell, TOLD_EVERY_MS)
      if (progress.bytes < limitBytes) continue
      isFull = true
      onFull()
    }
  } finally {
    clearTimeout(telling)
  }
  return progress
}
