import { Worker } from 'node:worker_threads'
import { EngineError } from '../../../contract/errors.ts'
import { createEventfd, signalEventfd } from '../../libc/socket.ts'
import type { DnsSockets } from '../dns/protocol.ts'
import type { FromProxy, ProxyListener, ProxyWorkerData, ToProxy } from './protocol.ts'

type Opened = Extract<FromProxy, { type: 'dns-opened' }>

/** The proxy thread as the keeper's main thread sees it. */
export interface PortProxy {
  /** Serves a container's listeners; the thread owns the descriptors from here on. */
  open(containerId: string, listeners: readonly ProxyListener[]): void
  /** Ends a container's listeners and connections; resolves when its ports are free. */
  close(containerId: string): Promise<void>
  /** Forgets the kernel's UDP connections to these host ports, so that clients find the new target. */
  forgetUdp(ports: readonly number[]): void
  /** Opens DNS sockets in a container's namespace; the caller owns them. */
  openDnsSockets(netnsPath: string): Promise<DnsSockets>
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
  const opening = new Map<number, (answer: Opened) => void>()
  let calls = 0
  worker.on('message', (message: FromProxy) => {
    if (message.type === 'table-deleted') return onTableDeleted(message.table)
    if (message.type === 'dns-opened') {
      opening.get(message.call)?.(message)
      opening.delete(message.call)
      return
    }
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
    forgetUdp: (ports) => tell({ type: 'forget-udp', ports }),
    async openDnsSockets(netnsPath) {
      calls += 1
      const call = calls
      const { sockets, error } = await new Promise<Opened>((resolve) => {
        opening.set(call, resolve)
        tell({ type: 'open-dns', call, netnsPath })
      })
      if (sockets) return sockets
      throw new EngineError('internal', 'dns.not-opened', `the embedded DNS cannot be opened: ${error}`)
    },
    async stop() {
      tell({ type: 'stop' })
      await worker.terminate()
    },
  }
}
