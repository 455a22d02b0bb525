import { answerFlow, datagram, lastFlow, receiveOfFlow, tellOwnAddress } from '../../libc/datagram.ts'
import { EPOLLIN } from '../../libc/epoll.ts'
import { beginConnect, receiveDatagram, sendDatagram } from '../../libc/relay.ts'
import type { Loop } from './loop.ts'

const UDP_IDLE_MS = 90_000
const SWEEP_MS = 10_000
const MAX_CLIENTS = 4096
const BURST = 64

interface Client {
  readonly fd: number
  lastSeen: number
}

/** Where a bound socket's datagrams go. */
export interface UdpTarget {
  readonly fd: number
  readonly containerIp: string
  readonly containerPort: number
}

/**
 * Relays datagrams with one upstream socket a client, so that answers find their way back, from the address of this
 * machine that the client has asked; one that asks at two is two. A client silent for 90 s is
 * forgotten, and so is the most silent one when there are too many.
 */
export function createUdpRelay(loop: Loop, target: UdpTarget, now: () => number = () => performance.now()) {
  // In the order of their last datagram: a Map keeps insertion order, and each datagram inserts anew.
  const clients = new Map<string, Client>()
  let isClosed = false
  let received = 0
  let sent = 0

  const forget = (key: string) => {
    const client = clients.get(key)
    if (client) loop.close(client.fd)
    clients.delete(key)
  }
  const touch = (key: string, client: Client) => {
    client.lastSeen = now()
    clients.delete(key)
    clients.set(key, client)
  }
  const meet = (key: string): Client | null => {
    if (clients.size >= MAX_CLIENTS) forget(clients.keys().next().value ?? '')
    try {
      const flow = lastFlow()
      const client: Client = { fd: beginConnect('udp', target.containerIp, target.containerPort), lastSeen: 0 }
      loop.watch(client.fd, EPOLLIN, () => {
        for (let count = 0; count < BURST; count += 1) {
          const bytes = receiveDatagram(client.fd, datagram)
          if (bytes < 0) return
          answerFlow(target.fd, bytes, flow)
          sent += bytes
        }
        touch(key, client)
      })
      return client
    } catch {
      return null
    }
  }
  const sweep = () => {
    if (isClosed) return
    for (const [key, { lastSeen }] of clients) {
      if (now() - lastSeen < UDP_IDLE_MS) break
      forget(key)
    }
    if (clients.size > 0) loop.after(SWEEP_MS, sweep)
  }
  tellOwnAddress(target.fd)
  loop.watch(target.fd, EPOLLIN, () => {
    for (let count = 0; count < BURST; count += 1) {
      const { bytes, key } = receiveOfFlow(target.fd)
      if (bytes < 0) return
      const client = clients.get(key) ?? meet(key)
      if (!client) continue
      if (clients.size === 0) loop.after(SWEEP_MS, sweep)
      touch(key, client)
      sendDatagram(client.fd, datagram.subarray(0, bytes))
      received += bytes
    }
  })
  return {
    /** Its connections are the clients that were heard of within the idle time. */
    count: () => ({ connections: clients.size, received, sent }),
    close() {
      isClosed = true
      for (const key of [...clients.keys()]) forget(key)
      loop.close(target.fd)
    },
  }
}
