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
const MOST_ATTEMPTS = 10

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
        return openTogether([forward]).map(({ fd }) => ({ forward, fd }))
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
  const bound = new Map<PortForward, OpenPort>()
  const made: number[] = []
  const note = (forward: PortForward, listening: Listening | undefined) => {
    if (!listening) return
    const { hostPortEnd: _, samePortAs: __, ...rest } = forward
    made.push(listening.fd)
    bound.set(forward, { forward: { ...rest, hostPort: listening.port }, fd: listening.fd })
  }
  const bind = (forward: PortForward, index: number) => {
    const seconds = wanted.filter(({ as, forward: { samePortAs } }) => as === 'new' && samePortAs === index)
    const all = [forward, ...seconds.map((second) => second.forward)]
    const first = wanted[forward.samePortAs ?? -1]
    const port = first && bound.get(first.forward)?.forward.hostPort
    const opened = openTogether([port ? { ...forward, hostPort: port, hostPortEnd: 0 } : forward, ...all.slice(1)])
    all.forEach((one, nth) => note(one, opened[nth]))
  }
  try {
    wanted.forEach(({ forward, as, from }, index) => {
      if (bound.has(forward)) return
      if (forward.isRouted) bound.set(forward, { forward, fd: -1 })
      else if (as === 'same' && from) bound.set(forward, from)
      else if (as === 'led-elsewhere' && from) note(forward, { fd: shareListener(from.fd), port: forward.hostPort })
      else bind(forward, index)
    })
    return wanted.flatMap(({ forward }) => bound.get(forward) ?? [])
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

interface Listening {
  readonly fd: number
  readonly port: number
}

/**
 * Opens the host's side of ports that are to have the same number, which the first one says: of a range, the first that is
 * free for all of them. What the kernel chooses for one may be taken for another: it is asked a few times, as by dockerd.
 */
function openTogether(forwards: readonly [PortForward, ...PortForward[]]): Listening[] {
  const [first] = forwards
  const last = Math.max(first.hostPort, first.hostPortEnd ?? 0)
  let hostPort = first.hostPort
  for (let attempt = 1; ; attempt += 1) {
    const opened: Listening[] = []
    let asked = first
    try {
      for (const forward of forwards) {
        asked = { ...forward, hostPort: opened[0]?.port ?? hostPort }
        opened.push(openListener(asked.protocol, asked.hostIp, asked.hostPort))
      }
      return opened
    } catch (error) {
      for (const { fd } of opened) closeListener(fd)
      const isTaken = (error as { errno?: number }).errno === EADDRINUSE
      const hasNext = first.hostPort === 0 ? attempt < MOST_ATTEMPTS : hostPort < last
      if (!isTaken || !hasNext) throw explain(error, asked)
      if (first.hostPort !== 0) hostPort += 1
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
