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

/**
 * The one connection to a conmon, which all clients share. It stays until conmon ends it: conmon 2.1 may fall over a
 * client that leaves while it writes to several, and takes its container along. Without readers it is drained.
 */
interface Trunk {
  readonly fd: number
  readonly folder: string
  readonly readers: Set<Reader>
  readonly input: { readonly stream: number; readonly bytes: Uint8Array; offset: number }[]
  hasHungUp: boolean
  /** Nothing more goes in. */
  hasEnded: boolean
}
interface Reader {
  readonly stream: number
  readonly mode: RelayMode
  /** Sent to the reader and not yet taken. */
  unread: number
  /** So much is unread that its process waits. */
  isFull: boolean
}

/** The relay worker: one thread that waits on every attach socket and every conmon's pidfd. Returns when told to stop. */
export function runAttachRelay(): void {
  const { port, wakeFd } = workerData as RelayWorkerData
  const trunks = new Set<Trunk>()
  const homes = new Map<number, { readonly trunk: Trunk; readonly reader: Reader }>()
  const watches = new Map<string, number>()
  const scratch = Buffer.allocUnsafeSlow(FRAME_BYTES)
  let isStopped = false
  const post = (message: FromRelay, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
  const isPaused = ({ readers }: Trunk) => [...readers].some(({ isFull }) => isFull)

  const leave = ({ trunk, reader }: { readonly trunk: Trunk; readonly reader: Reader }) => {
    trunk.readers.delete(reader)
    homes.delete(reader.stream)
  }
  const end = (trunk: Trunk) => {
    closeFd(trunk.fd)
    trunks.delete(trunk)
    for (const { stream } of trunk.input) post({ type: 'wrote', stream })
    for (const reader of trunk.readers) {
      homes.delete(reader.stream)
      post({ type: 'ended', stream: reader.stream })
    }
  }

  const postFrame = (trunk: Trunk, frame: Uint8Array) => {
    for (const reader of trunk.readers) {
      reader.unread += frame.length - 1
      const bytes = new Uint8Array(frame)
      post({ type: 'frame', stream: reader.stream, bytes }, [bytes.buffer])
    }
  }

  /** Reads packets (kind, then ≤ 8 KiB) and joins neighbours of one kind into a frame. */
  const read = (trunk: Trunk, revents: number) => {
    const gathered = Buffer.allocUnsafe(FRAME_BYTES)
    let size = 0
    let total = 0
    let isOver = false
    while (total < ROUND_BYTES) {
      const got = receive(trunk.fd, scratch)
      if (got <= 0) {
        isOver = got === 0 || (revents & (POLLHUP | POLLERR)) !== 0
        break
      }
      total += got
      if (trunk.readers.size === 0 || got < 2) continue
      if (size && (gathered[0] !== scratch[0] || size + got > FRAME_BYTES)) {
        postFrame(trunk, gathered.subarray(0, size))
        size = 0
      }
      size += scratch.copy(gathered, size, size ? 1 : 0, got)
    }
    if (size) postFrame(trunk, gathered.subarray(0, size))
    if (isOver) return end(trunk)
    for (const reader of trunk.readers) {
      if (reader.mode === 'exec') reader.isFull ||= reader.unread > EXEC_HIGH
      else if (reader.unread > ATTACH_LIMIT) {
        post({ type: 'slow', stream: reader.stream })
        leave({ trunk, reader })
      }
    }
  }

  const write = (trunk: Trunk) => {
    for (let piece = trunk.input[0]; piece; piece = trunk.input[0]) {
      while (piece.offset < piece.bytes.length) {
        const sent = sendPacket(trunk.fd, Buffer.from(piece.bytes.subarray(piece.offset, piece.offset + PACKET_BYTES)))
        if (sent < 0) return
        piece.offset += sent
      }
      trunk.input.shift()
      post({ type: 'wrote', stream: piece.stream })
    }
    if (trunk.hasEnded) shutdownWrite(trunk.fd)
  }
  const endInput = (trunk: Trunk) => {
    if (trunk.hasEnded) return
    trunk.hasEnded = true
    if (trunk.input.length === 0) write(trunk)
  }

  /** A conmon that has ended is not joined, though a reader that stalls may keep its last words from being read. */
  const isThere = ({ fd }: Trunk) => !((poll([{ fd, events: 0 }], 0).get(fd) ?? 0) & (POLLHUP | POLLERR))
  const connect = (folder: string): Trunk => {
    const fd = connectInFolder(folder, 'attach')
    const trunk: Trunk = { fd, folder, readers: new Set(), input: [], hasHungUp: false, hasEnded: false }
    trunks.add(trunk)
    return trunk
  }
  const open = ({ stream, folder, mode }: Extract<ToRelay, { type: 'open' }>) => {
    try {
      const trunk = [...trunks].find((one) => one.folder === folder && isThere(one)) ?? connect(folder)
      const reader: Reader = { stream, mode, unread: 0, isFull: false }
      trunk.readers.add(reader)
      homes.set(stream, { trunk, reader })
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
    const home = homes.get(message.stream)
    if (!home || (message.type === 'write' && home.trunk.hasEnded)) {
      if (message.type === 'write') post({ type: 'wrote', stream: message.stream })
      return
    }
    const { trunk, reader } = home
    if (message.type === 'write') {
      trunk.input.push({ stream: message.stream, bytes: message.bytes, offset: 0 })
      if (trunk.input.length === 1) write(trunk)
    } else if (message.type === 'eof') endInput(trunk)
    else if (message.type === 'consumed') {
      reader.unread -= message.bytes
      if (reader.unread < EXEC_LOW) reader.isFull = false
    } else {
      leave(home)
      if (message.endsStdin) endInput(trunk)
    }
  }

  const obeyAll = () => {
    for (let item = receiveMessageOnPort(port); item; item = receiveMessageOnPort(port)) obey(item.message as ToRelay)
  }

  const interests = () => {
    const entries = [{ fd: wakeFd, events: POLLIN }]
    for (const fd of watches.values()) entries.push({ fd, events: POLLIN })
    for (const trunk of trunks) {
      const wantsOut = trunk.input.length > 0 && !trunk.hasHungUp
      const wantsIn = !isPaused(trunk)
      if (wantsIn || wantsOut) entries.push({ fd: trunk.fd, events: (wantsIn ? POLLIN : 0) | (wantsOut ? POLLOUT : 0) })
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
    for (const trunk of trunks) {
      const revents = ready.get(trunk.fd) ?? 0
      if (revents & POLLOUT) write(trunk)
      if (revents & (POLLHUP | POLLERR)) trunk.hasHungUp = true
      if (!isPaused(trunk) && revents & (POLLIN | POLLHUP | POLLERR)) read(trunk, revents)
    }
    obeyAll()
  }
  for (const { fd } of trunks) closeFd(fd)
  for (const fd of watches.values()) closeFd(fd)
  port.close()
}
