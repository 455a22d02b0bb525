import type { DnsHost } from '../../../host/network.ts'

/** What DNS carries (RFC 1035): in a label, and in a name as text. */
const LABEL_BYTES = 63
const NAME_BYTES = 253

/** Who is on each network, kept in the form that questions are answered from. */
export interface Zone {
  readonly name: string
  readonly byName: ReadonlyMap<string, readonly DnsHost[]>
  readonly byAddress: ReadonlyMap<string, DnsHost>
}

/** What a resolver may see: its own names first, then its networks in order. */
export interface View {
  readonly own: Zone
  readonly zones: readonly Zone[]
}

/** Indexes the hosts of a network. Names match without regard to case. */
export function createZone(name: string, hosts: readonly DnsHost[]): Zone {
  const byName = new Map<string, DnsHost[]>()
  const byAddress = new Map<string, DnsHost>()
  for (const host of hosts) {
    const keys = new Set(host.names.map((text) => text.toLowerCase()))
    for (const key of keys) byName.set(key, [...(byName.get(key) ?? []), host])
    for (const address of [host.ipv4, host.ipv6]) if (address) byAddress.set(reverseName(address), host)
  }
  return { name: name.toLowerCase(), byName, byAddress }
}

/** Hosts that share a name, and the zone that knows them by it. */
export interface Found {
  readonly zone: Zone
  readonly hosts: readonly DnsHost[]
}

/** Hosts of a name: `web`, or `web.network`. From the first zone that knows it; `null` when none does. */
export function findHosts({ own, zones }: View, question: string): Found | null {
  const name = question.toLowerCase().replace(/\.$/, '')
  for (const zone of [own, ...zones]) {
    const suffix = `.${zone.name}`
    const inside = zone.name && name.endsWith(suffix) ? zone.byName.get(name.slice(0, -suffix.length)) : undefined
    const hosts = zone.byName.get(name) ?? inside
    if (hosts) return { zone, hosts }
  }
  return null
}

/** `name.network` of a `…in-addr.arpa` or `…ip6.arpa` question; `null` when no zone knows the address. */
export function findReverse({ zones }: View, question: string): string | null {
  const name = question.toLowerCase().replace(/\.$/, '')
  for (const zone of zones) {
    const host = zone.byAddress.get(name)
    if (host) return targetName(host, zone)
  }
  return null
}

/**
 * The name that answers give for a host: `web.network`, of its first name that DNS can carry. A container may be called
 * what no label holds; its short id always fits. A name of a resolver's own has no network.
 */
export function targetName({ names }: DnsHost, zone: Zone): string {
  const full = names.map((name) => (zone.name ? `${name}.${zone.name}` : name))
  return full.find(isCarried) ?? names.find(isCarried) ?? ''
}

const isCarried = (name: string) =>
  Buffer.byteLength(name) <= NAME_BYTES &&
  name.split('.').every((label) => label && Buffer.byteLength(label) <= LABEL_BYTES)

/** The name under which an address is asked for in reverse. */
export function reverseName(address: string): string {
  if (!address.includes(':')) return `${address.split('.').reverse().join('.')}.in-addr.arpa`
  const [head = '', tail] = address.toLowerCase().split('::')
  const left = head ? head.split(':') : []
  const right = tail ? tail.split(':') : []
  const middle = tail === undefined ? [] : Array<string>(8 - left.length - right.length).fill('0')
  const digits = [...left, ...middle, ...right].map((group) => group.padStart(4, '0')).join('')
  return `${[...digits].reverse().join('.')}.ip6.arpa`
}
