import { Worker } from 'node:worker_threads'
import { EngineError } from '../../../contract/errors.ts'
import type { FromSandboxThread, SandboxThreadData, SandboxWork, ToSandboxThread } from './protocol.ts'

/** The sandbox thread as the keeper's main thread sees it. */
export interface SandboxThread {
  carryOut(work: SandboxWork): Promise<void>
  stop(): Promise<void>
}

/** Starts the thread. `netnsPath` is where bridges are, `''` for this namespace. */
export function startSandboxThread(keeperFile: string, netnsPath: string): SandboxThread {
  const workerData: SandboxThreadData = { role: 'sandboxes', netnsPath }
  const worker = new Worker(keeperFile, { workerData })
  worker.unref()
  const waiting = new Map<number, (error: FromSandboxThread['error']) => void>()
  let calls = 0
  worker.on('message', ({ call, error }: FromSandboxThread) => {
    waiting.get(call)?.(error)
    waiting.delete(call)
  })
  return {
    async carryOut(work) {
      calls += 1
      const message: ToSandboxThread = { call: calls, work }
      const error = await new Promise<FromSandboxThread['error']>((resolve) => {
        waiting.set(message.call, resolve)
        worker.postMessage(message)
      })
      if (error) throw EngineError.fromWire(error)
    },
    stop: async () => void (await worker.terminate()),
  }
}
