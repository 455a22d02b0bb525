import { Worker } from 'node:worker_threads'
import { EngineError } from '../../../contract/errors.ts'
import { createEventfd, signalEventfd } from '../../libc/socket.ts'
import type { DnsSockets } from '../dns/protocol.ts'
import { followCalls } from '../thread-calls.ts'
import type { FromProxy, ProxyListener, ProxyWorkerData, ToProxy } from './protocol.ts'

type Opened = Extract<FromProxy, { type: 'dns-opened' }>
type Counted = Extract<FromProxy, { type: 'counted' }>
type Answer = Exclude<FromProxy, { type: 'table-deleted' | 'firewall-changed' | 'links-gone' }>

/** Who is told of changes to rules and interfaces, by whomever, also by us. */
export interface KernelListener {
  readonly onTableDeleted: (table: string) => void
  readonly onFirewallChanged: () => void
  readonly onLinksGone: (names: readonly string[]) => void
}

/** The proxy thread as the keeper's main thread sees it. */
export interface PortProxy {
  /** Serves further listeners of a container; the thread owns the descriptors from here on. */
  open(containerId: string, listeners: readonly ProxyListener[]): void
  /** Ends listeners of a container with their connections; resolves when the ports are free. */
  close(containerId: string, fds: readonly number[] | 'all'): Promise<void>
  /** Forgets the kernel's UDP connections to these host ports, so that clients find the new target. */
  forgetUdp(ports: readonly number[]): void
  /** What the thread carries, by container, and what the kernel is asked with about the namespace that it is in. */
  count(): Promise<Pick<Counted, 'counts' | 'tableFd' | 'devices'>>
  /** Opens DNS sockets in a container's namespace; the caller owns them. */
  openDnsSockets(netnsPath: string): Promise<DnsSockets>
  stop(): Promise<void>
}

/** Starts the proxy thread. `netnsPath` is where containers are reachable, `''` for this namespace. */
export function startPortProxy(
  keeperFile: string,
  netnsPath: string,
  { onTableDeleted, onFirewallChanged, onLinksGone }: KernelListener,
): PortProxy {
  const wakeFd = createEventfd()
  const workerData: ProxyWorkerData = { role: 'port-proxy', netnsPath, wakeFd }
  const worker = new Worker(keeperFile, { workerData })
  worker.unref()
  let isStopping = false
  const calls = followCalls<Answer>(worker, 'port proxy', (why) => {
    if (isStopping) return
    // A keeper that serves no ports must not stay: it ends, and the engine's next one opens them again.
    setImmediate(() => {
      throw why
    })
  })
  worker.on('message', (message: FromProxy) => {
    if (message.type === 'table-deleted') onTableDeleted(message.table)
    else if (message.type === 'firewall-changed') onFirewallChanged()
    else if (message.type === 'links-gone') onLinksGone(message.names)
    else calls.answer(message.call, message)
  })
  const tell = (message: ToProxy) => {
    worker.postMessage(message)
    signalEventfd(wakeFd)
  }
  /** Each question has its own kind of answer. */
  const ask = (question: (call: number) => ToProxy) => calls.ask((call) => tell(question(call)))
  return {
    open: (containerId, listeners) => tell({ type: 'open', containerId, listeners }),
    close: async (containerId, fds) => void (await ask((call) => ({ type: 'close', call, containerId, fds }))),
    forgetUdp: (ports) => tell({ type: 'forget-udp', ports }),
    count: () => ask((call) => ({ type: 'count', call })) as Promise<Counted>,
    async openDnsSockets(netnsPath) {
      const { sockets, error } = (await ask((call) => ({ type: 'open-dns', call, netnsPath }))) as Opened
      if (sockets) return sockets
      throw new EngineError('internal', 'dns.not-opened', `the embedded DNS cannot be opened: ${error}`)
    },
    async stop() {
      isStopping = true
      tell({ type: 'stop' })
      await worker.terminate()
    },
  }
}
