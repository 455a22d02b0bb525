import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import { EngineError } from '../../contract/errors.ts'
import type { ArchiveHost, ArchivePlace, PathStat } from '../../host/archive.ts'
import type { HostCallContext } from '../../host/host.ts'
import type { WorkerEntry } from '../unpack/worker-pool.ts'
import type { ArchiveJob, ArchiveMessage } from './jobs.ts'
import { statPath } from './resolve.ts'
import { openRoot } from './root.ts'

const WARM_MS = 5000
const STDERR_BYTES = 2000

/** The Host's calls for files in and out of containers, each in a worker process of its own. */
export function createArchiveHost(options: { readonly entry: WorkerEntry; readonly rootless: boolean }): ArchiveHost {
  const { rootless } = options
  const take = createSpares(options.entry)
  const run = (job: ArchiveJob, context: HostCallContext = {}) => runJob(take(), job, context)
  return {
    async statPath({ place, path }, context) {
      // What need not be mounted is looked up here: that takes microseconds, a process 50 ms.
      if (place.kind !== 'layers') return statIn(place, path, rootless)
      const stat = await run({ kind: 'stat', place, path, rootless }, context)
      if (stat) return stat
      throw new EngineError('internal', 'archive.no-stat', `nothing is known of ${path}`)
    },
    async readArchive(params, context) {
      await run({ kind: 'read', ...params, rootless }, context)
    },
    async readLayer(params, context) {
      await run({ kind: 'layer', ...params, rootless }, context)
    },
    async writeArchive(params, context) {
      await run({ kind: 'write', ...params, rootless }, context)
    },
    async readChanges(params, context) {
      await run({ kind: 'changes', ...params, rootless }, context)
    },
  }
}

function statIn(place: ArchivePlace, path: string, rootless: boolean): PathStat {
  const root = openRoot(place, rootless)
  try {
    return statPath(root, path)
  } finally {
    fs.closeSync(root.fd)
  }
}

/** A copy is often two calls: after one the next worker waits ready, for five seconds. */
function createSpares(entry: WorkerEntry): () => ChildProcess {
  let spare: ChildProcess | null = null
  let timer: NodeJS.Timeout | undefined
  const start = () => {
    const child = spawn(entry.command, [...entry.args, 'archive-worker'], {
      env: entry.env,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    child.on('error', () => {})
    return child
  }
  return () => {
    clearTimeout(timer)
    const child = spare && spare.exitCode === null && spare.connected ? spare : start()
    const next = start()
    spare = next
    timer = setTimeout(() => {
      next.kill('SIGKILL')
      if (spare === next) spare = null
    }, WARM_MS)
    timer.unref()
    return child
  }
}

/** Settles when the process has ended; answers with what it said of the path. */
function runJob(child: ChildProcess, job: ArchiveJob, context: HostCallContext): Promise<PathStat | null> {
  return new Promise((resolve, reject) => {
    const { signal, onProgress } = context
    let stat: PathStat | null = null
    let answer: Exclude<ArchiveMessage, { type: 'stat' }> | undefined
    let stderr = ''
    const stop = () => void child.kill('SIGKILL')
    if (signal?.aborted) stop()
    signal?.addEventListener('abort', stop, { once: true })
    child.stderr?.on('data', (chunk) => {
      stderr = (stderr + String(chunk)).slice(-STDERR_BYTES)
    })
    child.on('message', (message: ArchiveMessage) => {
      if (message.type !== 'stat') answer = message
      else {
        stat = message.stat
        onProgress?.({ stat })
      }
    })
    const end = (why: string) => {
      signal?.removeEventListener('abort', stop)
      if (answer?.type === 'done') resolve(stat)
      else if (answer) reject(EngineError.fromWire(answer.error))
      else if (signal?.aborted) reject(new EngineError('canceled', 'canceled', 'the copy was canceled'))
      else reject(new EngineError('internal', 'archive.worker-died', `the copy ended early (${why}): ${stderr.trim()}`))
    }
    child.on('error', (error) => end(error.message))
    child.on('close', (code, killedBy) => end(killedBy ?? `exit ${code}`))
    child.send(job, (error) => error && stop())
  })
}
