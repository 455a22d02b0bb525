import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import {
  clearEventfd,
  closeFd,
  connectSeqpacket,
  openPidfd,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  poll,
  receive,
  sendPacket,
  shutdownWrite,
} from '../libc/poll.ts'
import type { FromRelay, ToRelay } from './relay-protocol.ts'

const PACKET_BYTES = 64 * 1024
const STDIN_PACKET_BYTES = 32 * 1024

interface Connection {
  readonly id: number
  readonly fd: number
  isPaused: boolean
  hasEnded: boolean
  readonly output: Uint8Array[]
}

/** The relay thread: moves packets of attach sockets and tells of processes that end. */
export function runAttachRelay(): void {
  const port = parentPort
  if (!port) throw new Error('the relay runs in a worker thread')
  const { wakeFd } = workerData as { wakeFd: number }
  const connections = new Map<number, Connection>()
  const watched = new Map<number, number>()
  const buffer = Buffer.alloc(PACKET_BYTES)
  const post = (message: FromRelay) => port.postMessage(message)
  let isRunning = true

  const drop = (connection: Connection) => {
    closeFd(connection.fd)
    connections.delete(connection.fd)
    post({ type: 'closed', id: connection.id })
  }
  const byId = (id: number) => [...connections.values()].find((connection) => connection.id === id)

  const flush = (connection: Connection) => {
    for (;;) {
      const [packet] = connection.output
      if (!packet) break
      const sent = sendPacket(connection.fd, packet)
      if (sent < 0) return
      connection.output.shift()
      if (sent < packet.length) connection.output.unshift(packet.subarray(sent))
    }
    if (connection.hasEnded) shutdownWrite(connection.fd)
    post({ type: 'drained', id: connection.id })
  }

  const obey = (message: ToRelay) => {
    switch (message.type) {
      case 'connect':
        try {
          const fd = connectSeqpacket(message.path)
          connections.set(fd, { id: message.id, fd, isPaused: false, hasEnded: false, output: [] })
          post({ type: 'connected', id: message.id })
        } catch (error) {
          post({ type: 'failed', id: message.id, message: error instanceof Error ? error.message : String(error) })
        }
        return
      case 'watch': {
        const fd = openPidfd(message.pid)
        if (fd < 0) post({ type: 'gone', id: message.id })
        else watched.set(fd, message.id)
        return
      }
      case 'stop':
        isRunning = false
        return
    }
    const connection = byId(message.id)
    if (!connection) return
    if (message.type === 'write') {
      for (let at = 0; at < message.data.length; at += STDIN_PACKET_BYTES) {
        connection.output.push(message.data.subarray(at, at + STDIN_PACKET_BYTES))
      }
      flush(connection)
    } else if (message.type === 'end') {
      connection.hasEnded = true
      flush(connection)
    } else if (message.type === 'pause') connection.isPaused = message.isPaused
    else drop(connection)
  }

  const read = (connection: Connection) => {
    for (let packets = 0; packets < 64; packets += 1) {
      const size = receive(connection.fd, buffer)
      if (size < 0) return
      if (size === 0) return drop(connection)
      post({ type: 'data', id: connection.id, data: Uint8Array.prototype.slice.call(buffer, 0, size) })
    }
  }

  while (isRunning) {
    const sockets = [...connections.values()].map(({ fd, isPaused, output }) => ({
      fd,
      events: (isPaused ? 0 : POLLIN) | (output.length ? POLLOUT : 0),
    }))
    const pidfds = [...watched.keys()].map((fd) => ({ fd, events: POLLIN }))
    const ready = poll([{ fd: wakeFd, events: POLLIN }, ...sockets, ...pidfds], 10_000)
    if (ready.has(wakeFd)) clearEventfd(wakeFd)
    for (const [fd, events] of ready) {
      const connection = connections.get(fd)
      if (connection) {
        if (events & POLLOUT) flush(connection)
        if (events & (POLLIN | POLLHUP | POLLERR) && !connection.isPaused) read(connection)
        continue
      }
      const id = watched.get(fd)
      if (id === undefined) continue
      watched.delete(fd)
      closeFd(fd)
      post({ type: 'gone', id })
    }
    for (let message = receiveMessageOnPort(port); message; message = receiveMessageOnPort(port)) {
      obey(message.message as ToRelay)
    }
  }
  for (const connection of [...connections.values()]) drop(connection)
  for (const fd of watched.keys()) closeFd(fd)
}
