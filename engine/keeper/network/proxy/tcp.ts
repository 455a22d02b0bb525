import { EPOLLET, EPOLLIN, EPOLLOUT } from '../../libc/epoll.ts'
import {
  acceptConnection,
  beginConnect,
  closeDescriptor,
  connectionError,
  createPipe,
  EAGAIN,
  endWriting,
  type Pipe,
  resetConnection,
  SPLICE_BYTES,
  spliceBytes,
} from '../../libc/relay.ts'
import type { Loop } from './loop.ts'

/** Rounds of one flow before the others have their turn. */
const ROUNDS = 16
const ACCEPTS = 64
const EMFILE_PAUSE_MS = 100
const IDLE_PIPES = 64

/** One direction of a connection. Its pipe is lent only while bytes are on their way, so an idle connection has none. */
interface Flow {
  readonly from: number
  readonly to: number
  /** Bytes that have gone this way, on whatever connection of the listeners. */
  readonly moved: Moved
  pipe: Pipe | null
  held: number
  isEnded: boolean
  isQueued: boolean
}
interface Connection {
  readonly client: number
  readonly upstream: number
  readonly flows: readonly [Flow, Flow]
  isConnected: boolean
  isClosed: boolean
}

/** Bytes that were passed on, a number that only grows. */
interface Moved {
  bytes: number
}

/** Where a listener's connections go. */
export interface TcpTarget {
  readonly fd: number
  readonly containerIp: string
  readonly containerPort: number
}

/** Pipes are dear (two descriptors, 64 pages); empty ones are lent again, to whichever connection. */
export function createPipePool() {
  const idle: Pipe[] = []
  const destroy = (pipe: Pipe) => {
    closeDescriptor(pipe.read)
    closeDescriptor(pipe.write)
  }
  return {
    take: () => idle.pop() ?? createPipe(),
    give(pipe: Pipe, isEmpty: boolean) {
      if (isEmpty && idle.length < IDLE_PIPES) idle.push(pipe)
      else destroy(pipe)
    },
  }
}
type PipePool = ReturnType<typeof createPipePool>

/** Moves what there is, at most a round's share. `−errno` when the connection broke. */
function pump(flow: Flow, pool: PipePool): 'waits' | 'goes-on' | number {
  for (let round = 0; round < ROUNDS; round += 1) {
    if (flow.held === 0) {
      flow.pipe ??= pool.take()
      const got = spliceBytes(flow.from, flow.pipe.write, SPLICE_BYTES)
      if (got <= 0) {
        pool.give(flow.pipe, true)
        flow.pipe = null
        if (got === -EAGAIN) return 'waits'
        if (got < 0) return got
        flow.isEnded = true
        endWriting(flow.to)
        return 'waits'
      }
      flow.held = got
    }
    const put = spliceBytes(flow.pipe?.read ?? -1, flow.to, flow.held)
    if (put === -EAGAIN) return 'waits'
    if (put < 0) return put
    flow.held -= put
    flow.moved.bytes += put
  }
  return 'goes-on'
}

/** Accepts for one target and relays with `splice`; closed as a whole, with its connections. */
export function createTcpRelay(loop: Loop, pool: PipePool) {
  const connections = new Set<Connection>()
  const listeners = new Set<number>()
  const received: Moved = { bytes: 0 }
  const sent: Moved = { bytes: 0 }

  const close = (connection: Connection, how: (fd: number) => void) => {
    if (connection.isClosed) return
    connection.isClosed = true
    connections.delete(connection)
    for (const flow of connection.flows) {
      if (flow.pipe) pool.give(flow.pipe, flow.held === 0)
      flow.pipe = null
    }
    loop.close(connection.client, how)
    loop.close(connection.upstream, how)
  }
  const advance = (connection: Connection, flow: Flow) => {
    flow.isQueued = false
    if (connection.isClosed || flow.isEnded || !connection.isConnected) return
    const outcome = pump(flow, pool)
    if (typeof outcome === 'number') return close(connection, resetConnection)
    if (connection.flows.every(({ isEnded }) => isEnded)) return close(connection, closeDescriptor)
    if (outcome === 'goes-on' && !flow.isQueued) {
      flow.isQueued = true
      loop.soon(() => advance(connection, flow))
    }
  }
  /** Either flow may go on whichever socket stirred: it reads from the one and writes to the other. */
  const stir = (connection: Connection) => {
    for (const flow of connection.flows) if (!flow.isQueued) advance(connection, flow)
  }
  const join = (client: number, target: TcpTarget) => {
    let upstream: number
    try {
      upstream = beginConnect('tcp', target.containerIp, target.containerPort)
    } catch {
      return resetConnection(client)
    }
    const flow = (from: number, to: number, moved: Moved): Flow => ({
      from,
      to,
      moved,
      pipe: null,
      held: 0,
      isEnded: false,
      isQueued: false,
    })
    const connection: Connection = {
      client,
      upstream,
      flows: [flow(client, upstream, received), flow(upstream, client, sent)],
      isConnected: false,
      isClosed: false,
    }
    connections.add(connection)
    loop.watch(client, EPOLLIN | EPOLLOUT | EPOLLET, () => stir(connection))
    loop.watch(upstream, EPOLLIN | EPOLLOUT | EPOLLET, () => {
      if (!connection.isConnected) {
        if (connectionError(upstream) !== 0) return close(connection, resetConnection)
        connection.isConnected = true
      }
      stir(connection)
    })
  }
  const listen = (target: TcpTarget) => {
    const accept = () => {
      for (let count = 0; count < ACCEPTS; count += 1) {
        const client = acceptConnection(target.fd)
        if (client >= 0) join(client, target)
        else if (client === -EAGAIN) return
        else return pause()
      }
    }
    const pause = () => {
      // Out of descriptors, most likely: the listener would stir without end.
      loop.unwatch(target.fd)
      loop.after(EMFILE_PAUSE_MS, () => listeners.has(target.fd) && loop.watch(target.fd, EPOLLIN, accept))
    }
    listeners.add(target.fd)
    loop.watch(target.fd, EPOLLIN, accept)
  }
  return {
    listen,
    count: () => ({ connections: connections.size, received: received.bytes, sent: sent.bytes }),
    close() {
      for (const fd of listeners) loop.close(fd)
      listeners.clear()
      for (const connection of [...connections]) close(connection, resetConnection)
    },
  }
}
