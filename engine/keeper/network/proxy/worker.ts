import { openSync } from 'node:fs'
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { EPOLLIN } from '../../libc/epoll.ts'
import { enterNetworkNamespace } from '../../libc/listen.ts'
import { clearEventfd } from '../../libc/socket.ts'
import { createLoop } from './loop.ts'
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
  loop.run()
}
