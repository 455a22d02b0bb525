import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import os from 'node:os'
import { EngineError } from '../contract/errors.ts'

type Protocol = 'tcp' | 'udp' | 'sctp'
const TCP_LISTEN = '0A'
const EVERYWHERE: ReadonlySet<string> = new Set(['', '0.0.0.0', '::'])

/** A port of this machine that somebody has. */
export interface PortHeld {
  readonly hostIp: string
  readonly hostPort: number
  readonly protocol: Protocol
}

/** Whether what is bound to one address keeps another from being bound to the same port. */
export const meets = (one: string, other: string): boolean =>
  one === other || EVERYWHERE.has(one) || EVERYWHERE.has(other)

/** Sockets bound to a port, from the text of `/proc/net/tcp` and its kin. */
export function socketsOnPort(table: string, port: number, protocol: Protocol): { inode: string; uid: number }[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hex}`) && (protocol !== 'tcp' || fields[3] === TCP_LISTEN))
    .map((fields) => ({ inode: fields[9] ?? '', uid: Number(fields[7]) }))
}

function sockets(port: number, protocol: Protocol): { inode: string; uid: number }[] {
  if (protocol === 'sctp') return sctpSockets(port)
  return [`/proc/net/${protocol}`, `/proc/net/${protocol}6`].flatMap((file) => {
    try {
      return socketsOnPort(readFileSync(file, 'utf8'), port, protocol)
    } catch {
      return []
    }
  })
}

/** The kernel lists SCTP's otherwise: `ENDPT SOCK STY SST HBKT LPORT UID INODE LADDRS`. */
function sctpSockets(port: number): { inode: string; uid: number }[] {
  try {
    return readFileSync('/proc/net/sctp/eps', 'utf8')
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[5] === String(port))
      .map((fields) => ({ inode: fields[7] ?? '', uid: Number(fields[6]) }))
  } catch {
    return []
  }
}

/** Whether something listens on a port of this machine. */
export function isPortInUse(port: number, protocol: Protocol): boolean {
  return sockets(port, protocol).length > 0
}

/** `name (pid n)` of the program that holds a port, or whose it is when it may not be looked into; `''` for nobody. */
export function portHolder(port: number, protocol: Protocol): string {
  const found = sockets(port, protocol)
  const wanted = new Set(found.map(({ inode }) => `socket:[${inode}]`))
  if (wanted.size === 0) return ''
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const holds = readdirSync(`/proc/${pid}/fd`).some((fd) => wanted.has(readlinkSync(`/proc/${pid}/fd/${fd}`)))
      if (holds) return `${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (pid ${pid})`
    } catch {
      // Not ours to look into, or gone meanwhile.
    }
  }
  const uid = found[0]?.uid ?? -1
  return uid === os.userInfo().uid ? '' : `a program of the user with id ${uid}`
}

/** The first free port above one. */
export function nextFreePort(port: number, protocol: Protocol): number {
  for (let candidate = port + 1; candidate <= 65_535; candidate += 1)
    if (!isPortInUse(candidate, protocol)) return candidate
  return 0
}

/** The error of a port that is taken, with who has it and which is free. Looked up where it is called. */
export function portInUse(
  { hostIp, hostPort: port, protocol }: PortHeld,
  holder = portHolder(port, protocol),
): EngineError {
  return new EngineError(
    'conflict',
    'port.in-use',
    `Bind for ${hostIp}:${port} failed: port is already allocated${holder ? ` (by ${holder})` : ''}`,
    { details: { hostIp, port, protocol, holder, nextFree: nextFreePort(port, protocol) } },
  )
}

/**
 * Names the holder where the keeper could not: in its user namespace it may not read the descriptors of programs
 * outside, but the engine may read those of its own user. Ports of containers are held by the keeper: `containerOn` tells
 * whose one is, `''` for no container's.
 */
export async function namePortHolder<T>(work: Promise<T>, containerOn: (held: PortHeld) => string): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof EngineError) || error.reason !== 'port.in-use') throw error
    const { hostIp, port, protocol: named } = error.details ?? {}
    const hostPort = Number(port)
    const protocol = named === 'udp' || named === 'sctp' ? named : 'tcp'
    const held: PortHeld = { hostIp: String(hostIp), hostPort, protocol }
    const container = containerOn(held)
    throw portInUse(held, container ? `container ${container}` : undefined)
  }
}
