import { closeSync, openSync, readFileSync } from 'node:fs'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { AF_INET, AF_INET6 } from '../../libc/address.ts'
import { forgetUdpConnections } from '../../libc/conntrack.ts'
import { EPOLLIN } from '../../libc/epoll.ts'
import { closeListener, enterNetworkNamespace, openListener } from '../../libc/listen.ts'
import { openNetfilter } from '../../libc/nfnetlink.ts'
import { clearEventfd } from '../../libc/socket.ts'
import type { DnsSockets } from '../dns/protocol.ts'
import { createLoop, type Loop } from './loop.ts'
import type { FromProxy, ProxyCount, ProxyListener, ProxyWorkerData, ToProxy } from './protocol.ts'
import { createPipePool, createTcpRelay } from './tcp.ts'
import { createUdpRelay } from './udp.ts'
import { watchKernel } from './watch.ts'

/** Counters of interfaces in the namespace of the thread that reads it. */
const DEVICES = '/proc/thread-self/net/dev'

/** The proxy thread: accepts in the host's namespace, connects in the one where containers are reachable. */
export function runPortProxy(): void {
  const { netnsPath, wakeFd } = workerData as ProxyWorkerData
  if (netnsPath) enterNetworkNamespace(openSync(netnsPath, 'r'))
  const home = openSync('/proc/thread-self/ns/net', 'r')
  const loop = createLoop()
  const pool = createPipePool()
  /** What serves each listener, by descriptor, of each container. */
  const open = new Map<string, Map<number, Served>>()
  let tableFd: number | undefined
  const close = (containerId: string, fds: readonly number[] | 'all') => {
    const served = open.get(containerId) ?? new Map<number, Served>()
    for (const fd of fds === 'all' ? [...served.keys()] : fds) {
      served.get(fd)?.close()
      served.delete(fd)
    }
    if (served.size === 0) open.delete(containerId)
  }
  const serve = (listener: ProxyListener): Served => {
    if (listener.protocol === 'udp') return createUdpRelay(loop, listener)
    if (listener.protocol === 'sctp') return holdOnly(loop, listener)
    const relay = createTcpRelay(loop, pool)
    relay.listen(listener)
    return relay
  }
  const tell = (answer: FromProxy) => parentPort?.postMessage(answer)
  const receive = (message: ToProxy) => {
    if (message.type === 'stop') return loop.stop()
    if (message.type === 'open-dns') return tell(openDnsSockets(message, home))
    if (message.type === 'count') {
      tableFd ??= tryOpenTable()
      const counts = new Map([...open].map(([id, all]) => [id, countAll(all)]))
      return tell({ type: 'counted', call: message.call, counts, tableFd, devices: readFileSync(DEVICES, 'utf8') })
    }
    if (message.type === 'forget-udp') return forgetUdp(message.ports)
    const { containerId } = message
    if (message.type === 'close') {
      close(containerId, message.fds)
      // Descriptors close at the end of the loop's turn; only then is the port free.
      loop.soon(() => loop.soon(() => tell({ type: 'closed', call: message.call })))
      return
    }
    const served = open.get(containerId) ?? new Map<number, Served>()
    for (const listener of message.listeners) served.set(listener.fd, serve(listener))
    open.set(containerId, served)
  }
  loop.watch(wakeFd, EPOLLIN, () => {
    clearEventfd(wakeFd)
    while (parentPort) {
      const next = receiveMessageOnPort(parentPort) as { message: ToProxy } | undefined
      if (!next) return
      receive(next.message)
    }
  })
  watchKernel(loop, tell)
  loop.run()
}

/** What serves ports of a container. */
interface Served {
  /** Connections now, and bytes since it serves. */
  count(): ProxyCount
  close(): void
}

const NOTHING: ProxyCount = { connections: 0, received: 0, sent: 0 }

/** A port that the kernel's rules serve alone: its socket keeps others away. */
const holdOnly = (loop: Loop, { fd }: ProxyListener): Served => ({ count: () => NOTHING, close: () => loop.close(fd) })

const countAll = (served: ReadonlyMap<number, Served>): ProxyCount =>
  [...served.values()]
    .map((one) => one.count())
    .reduce(
      (sum, one) => ({
        connections: sum.connections + one.connections,
        received: sum.received + one.received,
        sent: sum.sent + one.sent,
      }),
      NOTHING,
    )

/** A kernel without netfilter has nothing to count. */
function tryOpenTable(): number {
  try {
    return openNetfilter()
  } catch {
    return -1
  }
}

function forgetUdp(ports: readonly number[]): void {
  for (const family of [AF_INET, AF_INET6]) {
    try {
      forgetUdpConnections(family, new Set(ports))
    } catch {
      // A kernel without connection tracking for the family has nothing to forget.
    }
  }
}

const DNS_ADDRESS = '127.0.0.11'

/**
 * Opens both sockets in a container's namespace, or none, and comes back; nothing else runs on this thread meanwhile. Rootless, no
 * thread can come back to the host's namespace, but this one lives in the inner one, which is the keeper's own.
 */
function openDnsSockets({ call, netnsPath }: { call: number; netnsPath: string }, home: number): FromProxy {
  let there = -1
  try {
    there = openSync(netnsPath, 'r')
    enterNetworkNamespace(there)
    return { type: 'dns-opened', call, sockets: openListeners(DNS_ADDRESS), error: '' }
  } catch (error) {
    return { type: 'dns-opened', call, sockets: null, error: String(error) }
  } finally {
    if (there >= 0) closeSync(there)
    // Beyond the catch: a thread that is left in a container's namespace must end.
    enterNetworkNamespace(home)
  }
}

function openListeners(host: string): DnsSockets {
  const udp = openListener('udp', host, 0)
  try {
    return { udp, tcp: openListener('tcp', host, 0) }
  } catch (error) {
    closeListener(udp.fd)
    throw error
  }
}
