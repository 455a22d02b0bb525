import ipaddr from 'ipaddr.js'
import type { Listener } from '../../../host/inspection.ts'

/*
 * /proc/PID/net/{tcp,tcp6,udp,udp6}: a header, then a line a socket
 *
 *     0: 0100007F:1F90 00000000:0000 0A …      slot · local · remote · state (hex)
 *
 * An address is one word (IPv4) or four (IPv6) in the machine's byte order, a port is plain hex.
 */
const LISTEN = '0A'
const ESTABLISHED = '01'
const UNCONNECTED = '07'

interface Socket {
  readonly local: string
  readonly port: number
  readonly state: string
}

/** The sockets of such a file. */
function* readSockets(text: string): Generator<Socket> {
  for (const line of text.split('\n').slice(1)) {
    const [, local = '', , state = ''] = line.trim().split(/\s+/)
    const [address = '', port = ''] = local.split(':')
    if (address && port) yield { local: address, port: Number.parseInt(port, 16), state }
  }
}

/** An address as such a file has it, in the usual form; one of IPv4 within IPv6 as IPv4. */
export function decodeProcAddress(hex: string): string {
  const words = hex.match(/.{8}/g) ?? []
  const bytes = words.flatMap((word) => [...Buffer.from(word, 'hex').reverse()])
  const address = ipaddr.fromByteArray(bytes)
  return address.kind() === 'ipv6' && (address as ipaddr.IPv6).isIPv4MappedAddress()
    ? (address as ipaddr.IPv6).toIPv4Address().toString()
    : address.toString()
}

/** Sockets that wait for others, each once. */
export function findListeners(protocol: Listener['protocol'], text: string): Listener[] {
  const waiting = protocol === 'tcp' ? LISTEN : UNCONNECTED
  const found = new Map<string, Listener>()
  for (const { local, port, state } of readSockets(text))
    if (state === waiting && port > 0)
      found.set(`${local}:${port}`, { protocol, address: decodeProcAddress(local), port })
  return [...found.values()]
}

/** How many TCP connections are established, by local address. */
export function countEstablished(text: string): Map<string, number> {
  const raw = new Map<string, number>()
  for (const { local, state } of readSockets(text)) if (state === ESTABLISHED) raw.set(local, (raw.get(local) ?? 0) + 1)
  const counts = new Map<string, number>()
  for (const [hex, count] of raw) {
    const address = decodeProcAddress(hex)
    counts.set(address, (counts.get(address) ?? 0) + count)
  }
  return counts
}
