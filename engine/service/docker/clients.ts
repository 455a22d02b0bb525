import type { ApiClient } from '../../contract/docker.ts'
import type { EventBus } from '../events.ts'

/** Whom the kernel has seen connect. */
export interface Peer {
  readonly pid: number
  readonly uid: number
}
/** Who is connected to the API's socket now. */
export interface ApiClients {
  /** Notes a connection; the function that comes back notes its end. */
  connect(peer: Peer): () => void
  /** Programs by the time of their first connection. */
  list(): ApiClient[]
  /** Whether the socket is served. */
  isServed(): boolean
  serve(isOn: boolean): void
}

/** Counts connections by process; says `connect` with a program's first and `disconnect` with its last. */
export function createApiClients(options: {
  readonly bus: EventBus
  readonly now: () => Date
  readonly programOf: (pid: number) => string
}): ApiClients {
  const { bus, now, programOf } = options
  let isOn = false
  const known = new Map<number, ApiClient>()
  const say = (action: 'connect' | 'disconnect', { pid, program }: ApiClient) =>
    bus.publish({ type: 'client', action, id: String(pid), attributes: { program } })
  return {
    connect({ pid, uid }) {
      const found = known.get(pid)
      const client = found ?? {
        pid,
        uid,
        program: programOf(pid),
        connectedAt: now().toISOString(),
        connections: 0,
      }
      known.set(pid, { ...client, connections: client.connections + 1 })
      if (!found) say('connect', client)
      return () => {
        const current = known.get(pid)
        if (!current) return
        if (current.connections > 1) return void known.set(pid, { ...current, connections: current.connections - 1 })
        known.delete(pid)
        say('disconnect', current)
      }
    },
    list: () => [...known.values()],
    isServed: () => isOn,
    serve(next) {
      isOn = next
    },
  }
}
