import { isIPv6 } from 'node:net'
import type { BridgeNetworkParams } from '../../host/network.ts'

/*
 * One table a family for the whole engine. Its rules never change: bridges and published ports are elements of sets
 * and maps, so a container with a hundred ports is one transaction and a packet meets the same few rules whatever the
 * number of networks.
 *
 *   prerouting, output (dstnat)   to an address of this machine → the maps: (address, protocol, port) → container
 *   forward (filter)              within a bridge, to published ports, out of a bridge: yes; into a bridge: no, but for
 *                                 one that is open, and for ports that are published on one that is routed
 *   postrouting (srcnat)          to the outside, and where an answer would not come back through here
 *
 * Where br_netfilter is on (other engines turn it on), frames within a bridge meet these rules too, and a translated
 * one goes straight back to its port: hence hairpin mode on the ports, and no rule that trusts `iifname` on the way out.
 */
export type Family = 'ip' | 'ip6'

/** A bridge as the rules see it. */
export interface BridgeRules {
  readonly bridge: string
  readonly subnets: readonly string[]
  readonly masquerade: boolean
  /** Nothing in or out but within the bridge. */
  readonly isInternal: boolean
  /** Whether containers on it reach each other. */
  readonly isOpenWithin: boolean
  /** Absent in what earlier keepers wrote: address translation. */
  readonly gatewayModes?: BridgeNetworkParams['gatewayModes'] | undefined
}

/** A published port as the rules see it. */
export interface Publication {
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly hostIp: string
  readonly hostPort: number
  readonly containerIp: string
  readonly containerPort: number
  /** Reached at the container's own address, without translation. */
  readonly isRouted?: boolean | undefined
}
export interface Ruleset {
  readonly bridges: readonly BridgeRules[]
  readonly publications: readonly Publication[]
}

const familyOf = (address: string): Family => (isIPv6(address.split('/')[0] ?? '') ? 'ip6' : 'ip')
const WILDCARDS: readonly string[] = ['0.0.0.0', '::', '']

/** Elements by set name; sets without elements are left out. */
export type Elements = Readonly<Record<string, readonly string[]>>

/** What a bridge adds to the sets of a family. */
export function bridgeElements(family: Family, rules: BridgeRules): Elements {
  const name = `"${rules.bridge}"`
  const subnets = rules.subnets.filter((subnet) => familyOf(subnet) === family)
  const mode = rules.gatewayModes?.[family] ?? 'nat'
  const isTranslated = mode === 'nat' || mode === 'nat-unprotected'
  return {
    bridges: [name],
    internal: rules.isInternal ? [name] : [],
    within: rules.isOpenWithin ? [`${name} . ${name}`] : [],
    subnets: subnets.map((subnet) => `${name} . ${subnet}`),
    masqueraded: rules.masquerade && isTranslated && !rules.isInternal ? subnets : [],
    open: mode === 'nat-unprotected' ? [name] : [],
    routed: mode === 'routed' ? [name] : [],
  }
}

/** What a published port adds to the maps of a family; nothing when the rules cannot serve it and the proxy does. */
export function publicationElements(family: Family, publication: Publication): Elements {
  const { protocol, hostIp, hostPort, containerIp, containerPort } = publication
  if (familyOf(containerIp) !== family) return {}
  if (publication.isRouted) return { routed_ports: [`${containerIp} . ${protocol} . ${containerPort}`] }
  if (hostIp !== '' && familyOf(hostIp) !== family) return {}
  const target = `${containerIp} . ${containerPort}`
  return WILDCARDS.includes(hostIp)
    ? { published: [`${protocol} . ${hostPort} : ${target}`] }
    : { published_at: [`${hostIp} . ${protocol} . ${hostPort} : ${target}`] }
}

/** Elements of several things, joined by set. */
export function joinElements(all: readonly Elements[]): Elements {
  const joined: Record<string, string[]> = {}
  for (const elements of all)
    for (const [set, values] of Object.entries(elements)) joined[set] = [...(joined[set] ?? []), ...values]
  return joined
}

/** What goes and what comes when elements become others. A map's element whose target changed does both. */
export function compareElements(
  before: Elements,
  after: Elements,
): { readonly gone: Elements; readonly fresh: Elements } {
  const without = (all: Elements, others: Elements): Elements =>
    Object.fromEntries(
      Object.entries(all).map(([set, values]) => {
        const other = new Set(others[set])
        return [set, values.filter((value) => !other.has(value))]
      }),
    )
  return { gone: without(before, after), fresh: without(after, before) }
}

/** Commands that add or delete elements, for one transaction. A map's element is deleted by its key. */
export function changeElements(verb: 'add' | 'delete', family: Family, table: string, elements: Elements): string[] {
  return Object.entries(elements)
    .filter(([, values]) => values.length > 0)
    .map(([set, values]) => {
      const chosen = verb === 'add' ? values : values.map((value) => value.split(' : ')[0])
      return `${verb} element ${family} ${table} ${set} { ${chosen.join(', ')} }`
    })
}

/** The whole table of a family made anew, as one transaction. */
export function renderTable(family: Family, table: string, ruleset: Ruleset): string {
  const elements = joinElements([
    ...ruleset.bridges.map((bridge) => bridgeElements(family, bridge)),
    ...ruleset.publications.map((publication) => publicationElements(family, publication)),
  ])
  return `${removeTable(family, table)}table ${family} ${table} {
${renderSets(family)}${renderChains(family)}}
${changeElements('add', family, table, elements)
  .map((command) => `${command}\n`)
  .join('')}`
}

/** Takes the table of a family away, there or not. */
export const removeTable = (family: Family, table: string): string =>
  `table ${family} ${table} {}\ndelete table ${family} ${table}\n`

function renderSets(family: Family): string {
  const address = family === 'ip' ? 'ipv4_addr' : 'ipv6_addr'
  return `  set bridges { type ifname; }
  set internal { type ifname; }
  set within { type ifname . ifname; }
  set subnets { type ifname . ${address}; flags interval; }
  set masqueraded { type ${address}; flags interval; }
  set open { type ifname; }
  set routed { type ifname; }
  set routed_ports { type ${address} . inet_proto . inet_service; }
  map published { type inet_proto . inet_service : ${address} . inet_service; }
  map published_at { type ${address} . inet_proto . inet_service : ${address} . inet_service; }
`
}

function renderChains(family: Family): string {
  const loopback = family === 'ip' ? '127.0.0.0/8' : '::1'
  // The kernel lets 127.0.0.1 out to a bridge (route_localnet), which must not let a bridge in to 127.0.0.1. For ::1
  // there is no such switch: the proxy serves it.
  return `  chain from-bridges {
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges ${family} daddr ${loopback} drop
  }
  chain to-containers {
    dnat ${family} to ${family} daddr . meta l4proto . th dport map @published_at
    dnat ${family} to meta l4proto . th dport map @published
  }
  chain prerouting {
    type nat hook prerouting priority dstnat; policy accept;
    meta l4proto { tcp, udp, sctp } fib daddr type local jump to-containers
  }
  chain output {
    type nat hook output priority -100; policy accept;
    ${family === 'ip' ? '' : 'ip6 daddr != ::1 '}meta l4proto { tcp, udp, sctp } fib daddr type local jump to-containers
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname != @bridges oifname != @bridges accept
    ct state established,related accept
    iifname . oifname @within accept
    iifname @internal drop
    oifname @internal drop
    ct status dnat accept
    oifname @open accept
    oifname @routed meta l4proto ${family === 'ip' ? 'icmp' : 'ipv6-icmp'} accept
    ${family} daddr . meta l4proto . th dport @routed_ports accept
    oifname @bridges drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
${family === 'ip' ? '    oifname @bridges ip saddr 127.0.0.0/8 masquerade\n' : ''}    ct status dnat oifname . ${family} saddr @subnets masquerade
    ${family} saddr @masqueraded oifname != @bridges masquerade
  }
`
}
