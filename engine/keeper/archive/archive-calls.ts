import { type ChildProcess, spawn } from 'node:child_process'
import fs from 'node:fs'
import { EngineError } from '../../contract/errors.ts'
import type { ArchiveHost, ArchivePlace, PathStat } from '../../host/archive.ts'
import type { HostCallContext } from '../../host/host.ts'
import type { WorkerEntry } from '../unpack/worker-pool.ts'
import { type ArchiveJob, type ArchiveMessage, isLast } from './jobs.ts'
import { statPath } from './resolve.ts'
import { openRoot } from './root.ts'

const WARM_MS = 5000
const GRACE_MS = 2000
const MAX_IDLE = 4
const STDERR_BYTES = 2000

/** The Host's calls for files in and out of containers, each in a worker process of its own. */
export function createArchiveHost(options: { readonly entry: WorkerEntry; readonly rootless: boolean }): ArchiveHost {
  const { rootless } = options
  const spares = createSpares(options.entry)
  const run = (job: ArchiveJob, context: HostCallContext = {}) => runJob(spares, job, context)
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

interface Spares {
  /** One that waits, or a new one, which is not ready at once. */
  take(): { readonly child: ChildProcess; readonly isNew: boolean }
  /** Takes a worker back that has done its job, if it is fit for another. */
  giveBack(child: ChildProcess): void
}

/** A copy is often one of several: workers wait for the next, for five seconds and no more than four. */
function createSpares(entry: WorkerEntry): Spares {
  const idle: ChildProcess[] = []
  let timer: NodeJS.Timeout | undefined
  const start = () => {
    const child = spawn(entry.command, [...entry.args, 'archive-worker'], {
      env: entry.env,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    child.on('error', () => {})
    return child
  }
  const isFit = (child: ChildProcess) => child.exitCode === null && child.signalCode === null && child.connected
  const keep = (child: ChildProcess) => {
    if (idle.length >= MAX_IDLE) return void child.kill('SIGKILL')
    idle.push(child)
    clearTimeout(timer)
    timer = setTimeout(() => {
      for (const one of idle.splice(0)) one.kill('SIGKILL')
    }, WARM_MS)
    timer.unref()
  }
  return {
    take() {
      for (let child = idle.pop(); child; child = idle.pop()) if (isFit(child)) return { child, isNew: false }
      return { child: start(), isNew: true }
    },
    giveBack(child) {
      if (isFit(child)) keep(child)
      else if (idle.length === 0) keep(start())
    },
  }
}

const canceled = () => new EngineError('canceled', 'canceled', 'the copy was canceled')

/** Settles with the worker's answer, or when it has ended without one; answers with what it said of the path. */
function runJob(spares: Spares, job: ArchiveJob, context: HostCallContext): Promise<PathStat | null> {
  // Clients that come and go quicker than workers start are not run after.
  if (context.signal?.aborted) return Promise.reject(canceled())
  const { child, isNew } = spares.take()
  return new Promise((resolve, reject) => {
    const { signal, onProgress } = context
    let stat: PathStat | null = null
    let stderr = ''
    let grace: NodeJS.Timeout | undefined
    const settle = () => {
      clearTimeout(grace)
      signal?.removeEventListener('abort', stop)
      child.off('message', onMessage)
      child.off('error', onError)
      child.off('close', onClose)
      child.stderr?.off('data', onStderr)
    }
    // Its connection is gone, which ends the job by itself; a worker that hangs in a file system does not see it.
    // One that was made for this job has most likely not even begun.
    const stop = () => {
      if (isNew) return void child.kill('SIGKILL')
      grace = setTimeout(() => child.kill('SIGKILL'), GRACE_MS)
    }
    const onStderr = (chunk: Buffer) => {
      stderr = (stderr + String(chunk)).slice(-STDERR_BYTES)
    }
    let answer: Exclude<ArchiveMessage, { type: 'stat' }> | undefined
    const finish = () => {
      settle()
      spares.giveBack(child)
      if (answer?.type === 'error') reject(EngineError.fromWire(answer.error))
      else resolve(stat)
    }
    const onMessage = (message: ArchiveMessage) => {
      if (message.type === 'stat') {
        stat = message.stat
        onProgress?.({ stat })
        return
      }
      answer = message
      // What it has mounted is gone when it is; a tool that inflates for it may be left by a failure.
      if (isLast(job)) return
      if (job.kind === 'write' && message.type === 'error') child.kill('SIGKILL')
      else finish()
    }
    const end = (why: string) => {
      if (answer) return finish()
      settle()
      spares.giveBack(child)
      if (signal?.aborted) reject(canceled())
      else reject(new EngineError('internal', 'archive.worker-died', `the copy ended early (${why}): ${stderr.trim()}`))
    }
    const onError = (error: Error) => end(error.message)
    const onClose = (code: number | null, killedBy: string | null) => end(killedBy ?? `exit ${code}`)
    child.stderr?.on('data', onStderr)
    child.on('message', onMessage)
    child.on('error', onError)
    child.on('close', onClose)
    signal?.addEventListener('abort', stop, { once: true })
    child.send(job, (error) => error && child.kill('SIGKILL'))
  })
}
