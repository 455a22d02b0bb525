import { receiveMessageOnPort, workerData } from 'node:worker_threads'
import { openPidfd, readStartTicks } from '../../libc/process.ts'
import {
  clearEventfd,
  closeFd,
  connectInFolder,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  poll,
  receive,
  sendPacket,
  shutdownWrite,
} from '../../libc/socket.ts'
import type { FromRelay, RelayMode, RelayWorkerData, ToRelay } from './relay-protocol.ts'

const PACKET_BYTES = 32 * 1024
const FRAME_BYTES = 64 * 1024
const ROUND_BYTES = 256 * 1024
const ATTACH_LIMIT = 8 * 1024 * 1024
const EXEC_HIGH = 1024 * 1024
const EXEC_LOW = 256 * 1024
const POLL_MS = 1000

interface Socket {
  readonly fd: number
  readonly folder: string
  mode: RelayMode
  stream: number
  /** Sent to the reader and not yet taken. */
  unread: number
  isPaused: boolean
  /** Its reader went; it is drained so that the container's stdin stays open. */
  isParked: boolean
  hasHungUp: boolean
  /** The reader ended stdin: nothing is lost by closing. */
  hasEnded: boolean
  readonly input: { bytes: Uint8Array; offset: number }[]
}

/** The relay worker: one thread that waits on every attach socket and every conmon's pidfd. Returns when told to stop. */
export function runAttachRelay(): void {
  const { port, wakeFd } = workerData as RelayWorkerData
  const sockets = new Map<number, Socket>()
  const parked = new Set<Socket>()
  const watches = new Map<string, number>()
  const scratch = Buffer.allocUnsafeSlow(FRAME_BYTES)
  let isStopped = false
  const post = (message: FromRelay, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)

  const drop = (socket: Socket) => {
    closeFd(socket.fd)
    sockets.delete(socket.stream)
    parked.delete(socket)
  }
  const end = (socket: Socket) => {
    for (const _ of socket.input) post({ type: 'wrote', stream: socket.stream })
    drop(socket)
    if (!socket.isParked) post({ type: 'ended', stream: socket.stream })
  }

  const postFrame = (socket: Socket, frame: Uint8Array) => {
    socket.unread += frame.length - 1
    const bytes = new Uint8Array(frame)
    post({ type: 'frame', stream: socket.stream, bytes }, [bytes.buffer])
  }

  /** Reads packets (kind, then ≤ 8 KiB) and joins neighbours of one kind into a frame. */
  const read = (socket: Socket, revents: number) => {
    const gathered = Buffer.allocUnsafe(FRAME_BYTES)
    let size = 0
    let total = 0
    let isOver = false
    while (total < ROUND_BYTES) {
      const got = receive(socket.fd, scratch)
      if (got <= 0) {
        isOver = got === 0 || (revents & (POLLHUP | POLLERR)) !== 0
        break
      }
      if (socket.isParked || got < 2) continue
      total += got
      if (size && (gathered[0] !== scratch[0] || size + got > FRAME_BYTES)) {
        postFrame(socket, gathered.subarray(0, size))
        size = 0
      }
      size += scratch.copy(gathered, size, size ? 1 : 0, got)
    }
    if (size) postFrame(socket, gathered.subarray(0, size))
    if (isOver) return end(socket)
    if (socket.mode === 'attach' && socket.unread > ATTACH_LIMIT) {
      post({ type: 'slow', stream: socket.stream })
      park(socket)
    }
    if (socket.mode === 'exec' && socket.unread > EXEC_HIGH) socket.isPaused = true
  }

  const write = (socket: Socket) => {
    for (let piece = socket.input[0]; piece; piece = socket.input[0]) {
      while (piece.offset < piece.bytes.length) {
        const sent = sendPacket(socket.fd, Buffer.from(piece.bytes.subarray(piece.offset, piece.offset + PACKET_BYTES)))
        if (sent < 0) return
        piece.offset += sent
      }
      socket.input.shift()
      post({ type: 'wrote', stream: socket.stream })
    }
    if (socket.hasEnded) shutdownWrite(socket.fd)
  }

  const park = (socket: Socket) => {
    sockets.delete(socket.stream)
    socket.isParked = true
    // Nobody reads it any more: what comes is dropped, and holds nobody back.
    socket.isPaused = false
    parked.add(socket)
  }

  const open = ({ stream, folder, mode }: Extract<ToRelay, { type: 'open' }>) => {
    const held = [...parked].find((socket) => socket.folder === folder && !socket.hasEnded)
    if (held) {
      parked.delete(held)
      Object.assign(held, { stream, mode, unread: 0, isParked: false })
      sockets.set(stream, held)
      return post({ type: 'opened', stream })
    }
    try {
      const fd = connectInFolder(folder, 'attach')
      sockets.set(stream, {
        fd,
        folder,
        mode,
        stream,
        unread: 0,
        isPaused: false,
        isParked: false,
        hasHungUp: false,
        hasEnded: false,
        input: [],
      })
      post({ type: 'opened', stream })
    } catch (error) {
      post({ type: 'failed', stream, message: error instanceof Error ? error.message : String(error) })
    }
  }

  const watch = ({ id, pid, startTicks }: Extract<ToRelay, { type: 'watch' }>) => {
    const fd = openPidfd(pid)
    if (fd >= 0 && readStartTicks(pid) === startTicks) watches.set(id, fd)
    else {
      if (fd >= 0) closeFd(fd)
      post({ type: 'died', id })
    }
  }
  const unwatch = (id: string) => {
    const fd = watches.get(id)
    if (fd !== undefined) closeFd(fd)
    watches.delete(id)
  }

  const obey = (message: ToRelay) => {
    if (message.type === 'watch') return watch(message)
    if (message.type === 'unwatch') return unwatch(message.id)
    if (message.type === 'open') return open(message)
    if (message.type === 'stop') {
      isStopped = true
      return
    }
    const socket = sockets.get(message.stream)
    if (!socket) {
      if (message.type === 'write') post({ type: 'wrote', stream: message.stream })
      return
    }
    if (message.type === 'write') {
      socket.input.push({ bytes: message.bytes, offset: 0 })
      if (socket.input.length === 1) write(socket)
    } else if (message.type === 'eof') {
      socket.hasEnded = true
      if (!socket.input.length) write(socket)
    } else if (message.type === 'consumed') {
      socket.unread -= message.bytes
      if (socket.unread < EXEC_LOW) socket.isPaused = false
    } else if (message.keepStdin && !socket.hasEnded) park(socket)
    else drop(socket)
  }

  const obeyAll = () => {
    for (let item = receiveMessageOnPort(port); item; item = receiveMessageOnPort(port)) obey(item.message as ToRelay)
  }

  const interests = () => {
    const entries = [{ fd: wakeFd, events: POLLIN }]
    for (const fd of watches.values()) entries.push({ fd, events: POLLIN })
    for (const socket of [...sockets.values(), ...parked]) {
      const wantsOut = socket.input.length > 0 && !socket.hasHungUp
      if (socket.isPaused && !wantsOut) continue
      entries.push({ fd: socket.fd, events: (socket.isPaused ? 0 : POLLIN) | (wantsOut ? POLLOUT : 0) })
    }
    return entries
  }

  obeyAll()
  while (!isStopped) {
    const ready = poll(interests(), POLL_MS)
    if (ready.has(wakeFd)) clearEventfd(wakeFd)
    for (const [id, fd] of watches) {
      if (!ready.has(fd)) continue
      unwatch(id)
      post({ type: 'died', id })
    }
    for (const socket of [...sockets.values(), ...parked]) {
      const revents = ready.get(socket.fd) ?? 0
      if (revents & POLLOUT) write(socket)
      if (revents & (POLLHUP | POLLERR)) socket.hasHungUp = true
      if (!socket.isPaused && revents & (POLLIN | POLLHUP | POLLERR)) read(socket, revents)
    }
    obeyAll()
  }
  for (const socket of [...sockets.values(), ...parked]) closeFd(socket.fd)
  for (const fd of watches.values()) closeFd(fd)
  port.close()
}
