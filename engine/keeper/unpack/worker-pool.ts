import { type ChildProcess, spawn } from 'node:child_process'
import os from 'node:os'
import { EngineError } from '../../contract/errors.ts'
import type { WorkerJob, WorkerMessage, WorkerResult } from './jobs.ts'

const WARM_MS = 5000
const STDERR_BYTES = 2000

/** How to run the keeper's own file again, as a worker. */
export interface WorkerEntry {
  readonly command: string
  readonly args: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

interface Refable {
  ref(): unknown
  unref(): unknown
}

/** Runs jobs, each in a process of its own, two to four at once. */
export interface WorkerPool {
  run(
    job: WorkerJob,
    options: {
      readonly signal?: AbortSignal | undefined
      readonly onProgress?: ((currentBytes: number) => void) | undefined
    },
  ): Promise<WorkerResult>
}

/** While jobs come, the next worker is already started; five seconds after the last it is ended. */
export function createWorkerPool(entry: WorkerEntry): WorkerPool {
  const limit = Math.min(4, Math.max(2, os.availableParallelism()))
  const waiting: (() => void)[] = []
  let active = 0
  let warm: ChildProcess | null = null
  let warmTimer: NodeJS.Timeout | undefined

  const start = (): ChildProcess => {
    const child = spawn(entry.command, [...entry.args, 'unpack-worker'], {
      env: entry.env,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    child.on('error', () => {})
    return child
  }
  const setRef = (child: ChildProcess, isRef: boolean) => {
    for (const handle of [child, child.channel, child.stderr] as readonly (Refable | null | undefined)[]) {
      if (isRef) handle?.ref()
      else handle?.unref()
    }
  }
  const take = (): ChildProcess => {
    clearTimeout(warmTimer)
    const child = warm && warm.exitCode === null && warm.connected ? warm : start()
    warm = start()
    const next = warm
    setRef(next, false)
    warmTimer = setTimeout(() => {
      next.kill('SIGKILL')
      if (warm === next) warm = null
    }, WARM_MS)
    warmTimer.unref()
    setRef(child, true)
    return child
  }
  const acquire = async () => {
    if (active >= limit) await new Promise<void>((resolve) => waiting.push(resolve))
    else active += 1
  }
  const release = () => {
    const next = waiting.shift()
    if (next) next()
    else active -= 1
  }

  return {
    async run(job, { signal, onProgress }) {
      await acquire()
      try {
        if (signal?.aborted) throw canceled()
        return await runJob(take(), job, { signal, onProgress })
      } finally {
        release()
      }
    },
  }
}

/** Settles when the process has ended, so that whoever cleans up cleans up after it. */
function runJob(
  child: ChildProcess,
  job: WorkerJob,
  { signal, onProgress }: { signal: AbortSignal | undefined; onProgress: ((currentBytes: number) => void) | undefined },
): Promise<WorkerResult> {
  return new Promise((resolve, reject) => {
    let answer: Exclude<WorkerMessage, { type: 'progress' }> | undefined
    let stderr = ''
    const stop = () => child.kill('SIGKILL')
    signal?.addEventListener('abort', stop, { once: true })
    child.stderr?.on('data', (chunk) => {
      stderr = (stderr + String(chunk)).slice(-STDERR_BYTES)
    })
    child.on('message', (message: WorkerMessage) => {
      if (message.type === 'progress') onProgress?.(message.currentBytes)
      else answer = message
    })
    const end = (why: string) => {
      signal?.removeEventListener('abort', stop)
      if (signal?.aborted) reject(canceled())
      else if (answer?.type === 'done') resolve(answer.result)
      else if (answer) reject(EngineError.fromWire(answer.error))
      else
        reject(
          new EngineError('internal', 'layer.worker-died', `the unpack worker ended early (${why}): ${stderr.trim()}`),
        )
    }
    child.on('error', (error) => end(error.message))
    child.on('exit', (code, killedBy) => (answer ? end('') : setTimeout(end, 20, killedBy ?? `exit ${code}`)))
    child.send(job, (error) => error && stop())
  })
}

function canceled(): EngineError {
  return new EngineError('canceled', 'canceled', 'the import was canceled')
}
