import { Worker } from 'node:worker_threads'
import { EngineError } from '../../../contract/errors.ts'
import { followCalls } from '../thread-calls.ts'
import type { FromSandboxThread, SandboxResult, SandboxThreadData, SandboxWork, ToSandboxThread } from './protocol.ts'

/** The sandbox thread as the keeper's main thread sees it. */
export interface SandboxThread {
  carryOut(work: SandboxWork): Promise<SandboxResult>
  stop(): Promise<void>
}

/** Starts the thread, and another when it has ended. `netnsPath` is where bridges are, `''` for this namespace. */
export function startSandboxThread(keeperFile: string, netnsPath: string): SandboxThread {
  const workerData: SandboxThreadData = { role: 'sandboxes', netnsPath }
  const start = () => {
    const worker = new Worker(keeperFile, { workerData })
    worker.unref()
    const calls = followCalls<FromSandboxThread>(worker, 'sandbox', () => {
      if (thread?.worker === worker) thread = undefined
    })
    worker.on('message', (answer: FromSandboxThread) => calls.answer(answer.call, answer))
    return { worker, calls }
  }
  let thread: ReturnType<typeof start> | undefined
  thread = start()
  return {
    async carryOut(work) {
      thread ??= start()
      const { worker, calls } = thread
      const { result, error } = await calls.ask((call) => worker.postMessage({ call, work } satisfies ToSandboxThread))
      if (error) throw EngineError.fromWire(error)
      return result
    },
    stop: async () => void (await thread?.worker.terminate()),
  }
}
