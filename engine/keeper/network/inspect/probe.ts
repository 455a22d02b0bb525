import { Worker } from 'node:worker_threads'
import { EngineError } from '../../../contract/errors.ts'
import type { ProbeOutcome, ProbeParams } from '../../../host/inspection.ts'
import { isOwnNamespace, netnsOf } from './namespace.ts'
import type { ProbeWorkerData } from './probe-worker.ts'

/** Tries a connection from inside a process's namespace, on a thread of its own: rootless none could come back. */
export function probe(keeperFile: string, { process, ...params }: ProbeParams): Promise<ProbeOutcome> {
  const path = netnsOf(process)
  const workerData: ProbeWorkerData = { role: 'probe', netnsPath: isOwnNamespace(path) ? '' : path, ...params }
  return new Promise((resolve, reject) => {
    const worker = new Worker(keeperFile, { workerData })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () =>
      reject(new EngineError('internal', 'probe.failed', 'the probe ended without an answer; try it again')),
    )
  })
}
