import { openSync } from 'node:fs'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { EPOLLIN } from '../../libc/epoll.ts'
import { enterNetworkNamespace } from '../../libc/listen.ts'
import { deletedTables, openRulesMonitor } from '../../libc/netlink.ts'
import { EAGAIN, receiveDatagram } from '../../libc/relay.ts'
import { clearEventfd } from '../../libc/socket.ts'
import { createLoop, type Loop } from './loop.ts'
import type { FromProxy, ProxyWorkerData, ToProxy } from './protocol.ts'
import { createTcpRelay } from './tcp.ts'
import { createUdpRelay } from './udp.ts'

/** The proxy thread: accepts in the host's namespace, connects in the one where containers are reachable. */
export function runPortProxy(): void {
  const { netnsPath, wakeFd } = workerData as ProxyWorkerData
  if (netnsPath) enterNetworkNamespace(openSync(netnsPath, 'r'))
  const loop = createLoop()
  const open = new Map<string, (() => void)[]>()
  const close = (containerId: string) => {
    for (const end of open.get(containerId) ?? []) end()
    open.delete(containerId)
  }
  const receive = (message: ToProxy) => {
    if (message.type === 'stop') return loop.stop()
    const { containerId } = message
    close(containerId)
    if (message.type === 'close') {
      const answer: FromProxy = { type: 'closed', containerId }
      // Descriptors close at the end of the loop's turn; only then is the port free.
      loop.soon(() => loop.soon(() => parentPort?.postMessage(answer)))
      return
    }
    const tcp = createTcpRelay(loop)
    const ends = [() => tcp.close()]
    for (const listener of message.listeners) {
      if (listener.protocol === 'tcp') tcp.listen(listener)
      else ends.push(createUdpRelay(loop, listener).close)
    }
    open.set(containerId, ends)
  }
  loop.watch(wakeFd, EPOLLIN, () => {
    clearEventfd(wakeFd)
    while (parentPort) {
      const next = receiveMessageOnPort(parentPort) as { message: ToProxy } | undefined
      if (!next) return
      receive(next.message)
    }
  })
  watchRules(loop, (table) => parentPort?.postMessage({ type: 'table-deleted', table } satisfies FromProxy))
  loop.run()
}

const PACKET_BYTES = 256 * 1024

/** Tells of tables that go, so that an `nft flush ruleset` by hand or by a firewall service is mended. */
function watchRules(loop: Loop, tell: (table: string) => void): void {
  const monitor = openRulesMonitor()
  const packet = Buffer.allocUnsafeSlow(PACKET_BYTES)
  loop.watch(monitor, EPOLLIN, () => {
    const bytes = receiveDatagram(monitor, packet)
    if (bytes > 0) for (const table of deletedTables(packet.subarray(0, bytes))) tell(table)
    // More was said than the socket could hold: something of ours may have been among it.
    else if (bytes < 0 && bytes !== -EAGAIN) tell('')
  })
}
