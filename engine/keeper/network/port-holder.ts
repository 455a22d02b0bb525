import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

type Protocol = 'tcp' | 'udp'
const TCP_LISTEN = '0A'

/** Inodes of sockets bound to a port, from the text of `/proc/net/tcp` and its kin. */
export function inodesOnPort(table: string, port: number, protocol: Protocol): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hex}`) && (protocol === 'udp' || fields[3] === TCP_LISTEN))
    .map((fields) => fields[9] ?? '')
}

function inodes(port: number, protocol: Protocol): string[] {
  return [`/proc/net/${protocol}`, `/proc/net/${protocol}6`].flatMap((file) => {
    try {
      return inodesOnPort(readFileSync(file, 'utf8'), port, protocol)
    } catch {
      return []
    }
  })
}

/** Whether something listens on a port of this machine. */
export function isPortInUse(port: number, protocol: Protocol): boolean {
  return inodes(port, protocol).length > 0
}

/** `name (pid n)` of the program that holds a port; `''` when it may not be seen. */
export function portHolder(port: number, protocol: Protocol): string {
  const wanted = new Set(inodes(port, protocol).map((inode) => `socket:[${inode}]`))
  if (wanted.size === 0) return ''
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const holds = readdirSync(`/proc/${pid}/fd`).some((fd) => wanted.has(readlinkSync(`/proc/${pid}/fd/${fd}`)))
      if (holds) return `${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (pid ${pid})`
    } catch {
      // Not ours to look into, or gone meanwhile.
    }
  }
  return ''
}

/** The first free port above one. */
export function nextFreePort(port: number, protocol: Protocol): number {
  for (let candidate = port + 1; candidate <= 65_535; candidate += 1)
    if (!isPortInUse(candidate, protocol)) return candidate
  return 0
}
