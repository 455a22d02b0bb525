import dgram from 'node:dgram'
import { openSync } from 'node:fs'
import net from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { enterNetworkNamespace } from '../libc/listen.ts'

const UDP_IDLE_MS = 90_000
const MAX_UDP_CLIENTS = 4096

/** A bound socket and where its traffic goes. */
export interface ProxyListener {
  readonly fd: number
  readonly protocol: 'tcp' | 'udp'
  readonly containerIp: string
  readonly containerPort: number
}
export type ToProxy =
  | { readonly type: 'open'; readonly containerId: string; readonly listeners: readonly ProxyListener[] }
  | { readonly type: 'close'; readonly containerId: string }

/** The proxy thread: accepts in the host's namespace, connects in the one where containers are reachable. */
export function runPortProxy(): void {
  const { netnsPath } = workerData as { netnsPath: string }
  if (netnsPath) enterNetworkNamespace(openSync(netnsPath, 'r'))
  const open = new Map<string, (() => void)[]>()
  parentPort?.on('message', (message: ToProxy) => {
    for (const close of open.get(message.containerId) ?? []) close()
    open.delete(message.containerId)
    if (message.type === 'close') parentPort?.postMessage({ closed: message.containerId })
    else
      open.set(
        message.containerId,
        message.listeners.map((listener) => (listener.protocol === 'tcp' ? serveTcp(listener) : serveUdp(listener))),
      )
  })
}

/** Relays connections with half-close and back-pressure; returns what closes it. */
function serveTcp({ fd, containerIp, containerPort }: ProxyListener): () => void {
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const upstream = net.connect({ host: containerIp, port: containerPort, allowHalfOpen: true, noDelay: true })
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.pipe(to)
      from.on('error', () => to.destroy())
      from.on('close', () => sockets.delete(from))
    }
  })
  server.on('error', () => {})
  server.listen({ fd })
  return () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
}

/** Relays datagrams with one upstream socket a client; a client silent for 90 s is forgotten. */
function serveUdp({ fd, containerIp, containerPort }: ProxyListener): () => void {
  const clients = new Map<string, { socket: dgram.Socket; timer: NodeJS.Timeout }>()
  const server = dgram.createSocket('udp4')
  const forget = (key: string) => {
    const client = clients.get(key)
    if (!client) return
    clearTimeout(client.timer)
    client.socket.close()
    clients.delete(key)
  }
  server.on('error', () => {})
  server.on('message', (datagram, from) => {
    const key = `${from.address}:${from.port}`
    let client = clients.get(key)
    if (!client) {
      if (clients.size >= MAX_UDP_CLIENTS) return
      const socket = dgram.createSocket('udp4')
      socket.on('error', () => forget(key))
      socket.on('message', (answer) => server.send(answer, from.port, from.address))
      client = { socket, timer: setTimeout(() => forget(key), UDP_IDLE_MS) }
      clients.set(key, client)
    }
    client.timer.refresh()
    client.socket.send(datagram, containerPort, containerIp)
  })
  server.bind({ fd })
  return () => {
    for (const key of [...clients.keys()]) forget(key)
    server.close()
  }
}
