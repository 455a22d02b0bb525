import { isIPv6 } from 'node:net'
import type { PortForward } from '../../host/network.ts'

/** A port that is open: where it leads, and the descriptor it listens with; −1 where none is needed. */
export interface OpenPort {
  readonly forward: PortForward
  readonly fd: number
}

/** How a container's ports become others. */
export interface PortChange {
  /** In the order asked for: what is there and stays, what is there but leads elsewhere now, or what has to be bound. */
  readonly wanted: readonly {
    readonly forward: PortForward
    readonly as: 'same' | 'led-elsewhere' | 'new'
    readonly from: OpenPort | null
  }[]
  /** Closed once the new ones serve. */
  readonly gone: readonly OpenPort[]
  /** Of those that go: what has to be closed first, since it stands where a new one is to be bound. */
  readonly inTheWay: readonly OpenPort[]
}

/** Compares what is open with what is asked for. */
export function planPortChange(before: readonly OpenPort[], ports: readonly PortForward[]): PortChange {
  const left = new Set(before)
  const take = (isIt: (forward: PortForward) => boolean): OpenPort | null => {
    const found = [...left].find(({ forward }) => isIt(forward))
    if (found) left.delete(found)
    return found ?? null
  }
  // Those that stay first, so that none of them is taken for another.
  const same = ports.map((forward) => take((open) => isSamePort(open, forward)))
  const wanted = ports.map((forward, index): PortChange['wanted'][number] => {
    const stays = same[index]
    if (stays) return { forward, as: 'same', from: stays }
    const socket = forward.isRouted ? null : take((open) => !open.isRouted && isSameSocket(open, forward))
    return { forward, as: socket ? 'led-elsewhere' : 'new', from: socket }
  })
  const fresh = wanted.filter(({ as }) => as === 'new').map(({ forward }) => forward)
  const gone = [...left]
  return { wanted, gone, inTheWay: gone.filter(({ forward }) => fresh.some((one) => doMeet(one, forward))) }
}

const isSameSocket = (a: PortForward, b: PortForward) =>
  a.protocol === b.protocol && a.hostIp === b.hostIp && a.hostPort === b.hostPort && b.hostPort !== 0

const isSamePort = (a: PortForward, b: PortForward) =>
  isSameSocket(a, b) &&
  a.containerIp === b.containerIp &&
  a.containerPort === b.containerPort &&
  (a.isRouted ?? false) === (b.isRouted ?? false)

const isWildcard = (address: string) => ['0.0.0.0', '::', ''].includes(address)

/** Whether the kernel would refuse to bind the one while the other is bound. */
function doMeet(fresh: PortForward, old: PortForward): boolean {
  if (fresh.isRouted || old.isRouted || fresh.protocol !== old.protocol) return false
  if (isIPv6(fresh.hostIp) !== isIPv6(old.hostIp)) return false
  const last = Math.max(fresh.hostPort, fresh.hostPortEnd ?? 0)
  if (old.hostPort < fresh.hostPort || old.hostPort > last) return false
  return isWildcard(fresh.hostIp) || isWildcard(old.hostIp)
}
