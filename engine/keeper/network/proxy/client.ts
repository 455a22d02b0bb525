import { Worker } from 'node:worker_threads'
import { createEventfd, signalEventfd } from '../../libc/socket.ts'
import type { FromProxy, ProxyListener, ProxyWorkerData, ToProxy } from './protocol.ts'

/** The proxy thread as the keeper's main thread sees it. */
export interface PortProxy {
  /** Serves a container's listeners; the thread owns the descriptors from here on. */
  open(containerId: string, listeners: readonly ProxyListener[]): void
  /** Ends a container's listeners and connections; resolves when its ports are free. */
  close(containerId: string): Promise<void>
  stop(): Promise<void>
}

/** Starts the proxy thread. `netnsPath` is where containers are reachable, `''` for this namespace. */
export function startPortProxy(
  keeperFile: string,
  netnsPath: string,
  onTableDeleted: (table: string) => void,
): PortProxy {
  const wakeFd = createEventfd()
  const workerData: ProxyWorkerData = { role: 'port-proxy', netnsPath, wakeFd }
  const worker = new Worker(keeperFile, { workerData })
  worker.unref()
  const waiting = new Map<string, (() => void)[]>()
  worker.on('message', (message: FromProxy) => {
    if (message.type === 'table-deleted') return onTableDeleted(message.table)
    const { containerId } = message
    for (const resolve of waiting.get(containerId) ?? []) resolve()
    waiting.delete(containerId)
  })
  const tell = (message: ToProxy) => {
    worker.postMessage(message)
    signalEventfd(wakeFd)
  }
  return {
    open: (containerId, listeners) => tell({ type: 'open', containerId, listeners }),
    close: (containerId) =>
      new Promise((resolve) => {
        waiting.set(containerId, [...(waiting.get(containerId) ?? []), resolve])
        tell({ type: 'close', containerId })
      }),
    async stop() {
      tell({ type: 'stop' })
      await worker.terminate()
    },
  }
}
