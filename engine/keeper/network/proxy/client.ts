import { Worker } from 'node:worker_threads'
import { EngineError } from '../../../contract/errors.ts'
import { createEventfd, signalEventfd } from '../../libc/socket.ts'
import type { DnsSockets } from '../dns/protocol.ts'
import type { FromProxy, ProxyListener, ProxyWorkerData, ToProxy } from './protocol.ts'

type Opened = Extract<FromProxy, { type: 'dns-opened' }>
type Counted = Extract<FromProxy, { type: 'counted' }>

/** The proxy thread as the keeper's main thread sees it. */
export interface PortProxy {
  /** Serves further listeners of a container; the thread owns the descriptors from here on. */
  open(containerId: string, listeners: readonly ProxyListener[]): void
  /** Ends listeners of a container with their connections; resolves when the ports are free. */
  close(containerId: string, fds: readonly number[] | 'all'): Promise<void>
  /** Forgets the kernel's UDP connections to these host ports, so that clients find the new target. */
  forgetUdp(ports: readonly number[]): void
  /** Connections that the thread carries, by container, and a socket that lists those of the kernel there. */
  count(): Promise<Pick<Counted, 'counts' | 'tableFd'>>
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
  const closing = new Map<number, () => void>()
  const opening = new Map<number, (answer: Opened) => void>()
  const counting = new Map<number, (answer: Counted) => void>()
  let calls = 0
  worker.on('message', (message: FromProxy) => {
    if (message.type === 'table-deleted') return onTableDeleted(message.table)
    if (message.type === 'dns-opened') {
      opening.get(message.call)?.(message)
      opening.delete(message.call)
      return
    }
    if (message.type === 'counted') {
      counting.get(message.call)?.(message)
      counting.delete(message.call)
      return
    }
    closing.get(message.call)?.()
    closing.delete(message.call)
  })
  const tell = (message: ToProxy) => {
    worker.postMessage(message)
    signalEventfd(wakeFd)
  }
  return {
    open: (containerId, listeners) => tell({ type: 'open', containerId, listeners }),
    close: (containerId, fds) =>
      new Promise((resolve) => {
        calls += 1
        closing.set(calls, resolve)
        tell({ type: 'close', call: calls, containerId, fds })
      }),
    forgetUdp: (ports) => tell({ type: 'forget-udp', ports }),
    count() {
      calls += 1
      const call = calls
      return new Promise((resolve) => {
        counting.set(call, resolve)
        tell({ type: 'count', call })
      })
    },
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
