import { readFileSync, rmSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../contract/errors.ts'
import type { Host } from '../../host/host.ts'
import type { PortForward } from '../../host/network.ts'
import { nextFreePort, portInUse } from '../../host/port-holder.ts'
import { createLocks } from '../../lib/async.ts'
import { closeListener, openListener, shareListener } from '../libc/listen.ts'
import { writeStateFile } from '../state-file.ts'
import type { Firewall } from './firewall.ts'
import { type OpenPort, type PortChange, planPortChange } from './port-change.ts'
import type { PortProxy } from './proxy/client.ts'
import { readAll } from './read-all.ts'

const EACCES = 13
const EPROTONOSUPPORT = 93
const EADDRINUSE = 98
const EADDRNOTAVAIL = 99

/** Published ports: the host's socket is bound first, then the rules are set; the proxy serves what the rules do not. */
export function createPorts(
  folder: string,
  {
    proxy,
    firewall,
    isRootless,
  }: { readonly proxy: PortProxy; readonly firewall: Firewall; readonly isRootless: boolean },
): Pick<Host, 'openPorts' | 'closePorts'> & { restore(): Promise<ReadonlyMap<string, readonly PortForward[]>> } {
  const locks = createLocks()
  const open = new Map<string, readonly OpenPort[]>()
  const fileOf = (containerId: string) => path.join(folder, `${containerId}.json`)
  const forgetUdp = (ports: readonly OpenPort[]) => {
    const udp = ports.filter(({ forward }) => forward.protocol === 'udp').map(({ forward }) => forward.hostPort)
    if (udp.length > 0) proxy.forgetUdp(udp)
  }
  const close = async (containerId: string, ports: readonly OpenPort[]) => {
    const fds = ports.flatMap(({ fd }) => (fd < 0 ? [] : [fd]))
    if (fds.length > 0) await proxy.close(containerId, fds)
  }
  const serve = (containerId: string, ports: readonly OpenPort[]) =>
    proxy.open(
      containerId,
      ports.filter(({ fd }) => fd >= 0).map(({ forward, fd }) => ({ ...forward, fd })),
    )
  /** What had to make way is bound again; what cannot be, since somebody was quicker, is let go. */
  const reopen = (containerId: string, ports: readonly OpenPort[]): OpenPort[] => {
    const back = ports.flatMap(({ forward }) => {
      try {
        return [{ forward, fd: openPort(forward).fd }]
      } catch {
        return []
      }
    })
    serve(containerId, back)
    return back
  }

  const change = async (containerId: string, ports: readonly PortForward[]): Promise<readonly PortForward[]> => {
    const before = open.get(containerId) ?? []
    if (before.length === 0 && ports.length === 0) return []
    if (isRootless) refuseSctp(ports)
    const plan = planPortChange(before, ports)
    await close(containerId, plan.inTheWay)
    let bound: readonly OpenPort[] = []
    // By the plan, not by number: what made way has given its descriptor's number back, and a new one may have it now.
    const newlyBound = () => bound.filter((_, index) => plan.wanted[index]?.as !== 'same')
    try {
      bound = bindAll(plan)
      const forwards = bound.map(({ forward }) => forward)
      // Written down first: whatever goes wrong from here on, `closePorts` knows what to take back.
      writeStateFile(fileOf(containerId), forwards)
      await firewall.publish(containerId, forwards)
    } catch (error) {
      for (const { fd } of newlyBound()) if (fd >= 0) closeListener(fd)
      const back = reopen(containerId, plan.inTheWay)
      const kept = [...before.filter((old) => !plan.inTheWay.includes(old)), ...back]
      open.set(containerId, kept)
      const forwards = kept.map(({ forward }) => forward)
      writeStateFile(fileOf(containerId), forwards)
      await firewall.publish(containerId, forwards).catch(() => {})
      throw error
    }
    const fresh = newlyBound()
    serve(containerId, fresh)
    const replaced = plan.wanted.flatMap(({ as, from }) => (as === 'led-elsewhere' && from ? [from] : []))
    if (bound.length > 0) open.set(containerId, bound)
    else open.delete(containerId)
    forgetUdp([...fresh, ...plan.gone])
    await close(containerId, [...replaced, ...plan.gone.filter((old) => !plan.inTheWay.includes(old))])
    return bound.map(({ forward }) => forward)
  }

  return {
    openPorts: ({ containerId, ports }) => locks.withLock(containerId, () => change(containerId, ports)),
    closePorts: ({ containerId }) =>
      locks.withLock(containerId, async () => {
        const ports = open.get(containerId)
        if (!ports) return
        open.delete(containerId)
        await rm(fileOf(containerId), { force: true })
        try {
          await firewall.publish(containerId, [])
        } finally {
          forgetUdp(ports)
          await close(containerId, ports)
        }
      }),
    /** Opens again what an earlier keeper had open; a port that was taken meanwhile is let go. */
    async restore() {
      const published = new Map<string, readonly PortForward[]>()
      for (const [containerId, forwards] of await readAll<PortForward[]>(folder)) {
        try {
          const ports = bindAll(planPortChange([], forwards))
          serve(containerId, ports)
          open.set(containerId, ports)
          published.set(containerId, forwards)
        } catch {
          rmSync(fileOf(containerId), { force: true })
        }
      }
      return published
    },
  }
}

/** Binds what is not bound yet, all or nothing. */
function bindAll({ wanted }: PortChange): OpenPort[] {
  const made: number[] = []
  try {
    return wanted.map(({ forward, as, from }) => {
      if (forward.isRouted) return { forward, fd: -1 }
      if (as === 'same' && from) return from
      const { fd, port } =
        as === 'led-elsewhere' && from ? { fd: shareListener(from.fd), port: forward.hostPort } : openPort(forward)
      made.push(fd)
      const { hostPortEnd: _, ...rest } = forward
      return { forward: { ...rest, hostPort: port }, fd }
    })
  } catch (error) {
    for (const fd of made) closeListener(fd)
    throw error
  }
}

/** Rules in the inner namespace do not see what comes to the host's, and the proxy speaks TCP and UDP. */
function refuseSctp(ports: readonly PortForward[]): void {
  const port = ports.find(({ protocol }) => protocol === 'sctp')
  if (port)
    throw new EngineError(
      'notImplemented',
      'port.sctp-rootless',
      `SCTP port ${port.containerPort} cannot be published without root: run the engine as root, or use TCP or UDP`,
    )
}

/** Opens the host's side of a port: of a range, the first that is free. */
function openPort(forward: PortForward): { fd: number; port: number } {
  const last = Math.max(forward.hostPort, forward.hostPortEnd ?? 0)
  for (let hostPort = forward.hostPort; ; hostPort += 1) {
    try {
      return openListener(forward.protocol, forward.hostIp, hostPort)
    } catch (error) {
      const isTaken = (error as { errno?: number }).errno === EADDRINUSE
      if (!isTaken || hostPort >= last) throw explain(error, { ...forward, hostPort })
    }
  }
}

/** Says who has a port and which is free, or what else is wrong with it. */
function explain(error: unknown, { protocol, hostIp, hostPort }: PortForward): unknown {
  const where = `${hostIp}:${hostPort}`
  switch ((error as { errno?: number }).errno) {
    case EADDRINUSE:
      return portInUse({ hostIp, hostPort, protocol })
    case EACCES: {
      const floor = readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8').trim()
      return new EngineError(
        'forbidden',
        'port.forbidden',
        `Bind for ${where} failed: ports below ${floor} need root; choose a higher one`,
        { details: { port: hostPort, nextFree: nextFreePort(Number(floor) + 7000, protocol) } },
      )
    }
    case EPROTONOSUPPORT:
      return new EngineError(
        'notImplemented',
        'port.sctp-missing',
        `Bind for ${where} failed: this kernel has no SCTP; load it with: sudo modprobe sctp`,
      )
    case EADDRNOTAVAIL:
      return new EngineError(
        'invalidArgument',
        'port.bad-address',
        `Bind for ${where} failed: this machine has no address ${hostIp}`,
      )
    default:
      return error
  }
}
