import ipaddr from 'ipaddr.js'
import type { Json, RuleTree } from './parse.ts'

/** The first packet of a connection, as far as rules look at it. Absent: not known yet. */
export interface Packet {
  readonly family: 'ip' | 'ip6'
  readonly protocol: 'tcp' | 'udp'
  readonly source: string
  readonly destination: string
  readonly port?: number | undefined
  /** `''` where the hook has none. */
  readonly inInterface: string
  readonly outInterface: string
  /** Whether the destination is an address of the namespace itself. */
  readonly isLocal: boolean
  /** Whether its destination was rewritten on the way. */
  readonly isTranslated: boolean
}

/** Where names of sets are looked up. */
export interface Scope {
  readonly tree: RuleTree
  /** `family table` */
  readonly table: string
}

/** A fact of the packet: one value, several joined, or unknown to us. */
type Value = string | number | readonly (string | number)[] | undefined

/** Whether a `match` statement holds; `undefined` when it asks what we do not know. */
export function matches(statement: Json, packet: Packet, scope: Scope): boolean | undefined {
  const { op, left, right } = statement as { op: string; left: Json; right: Json }
  const value = factOf(left, packet)
  if (value === undefined) return undefined
  if (op === '<' || op === '>' || op === '<=' || op === '>=') return compare(op, value, right)
  const found = holds(value, right, scope)
  return op === '!=' && found !== undefined ? !found : found
}

/** What a map or verdict map has for a packet; `null` for nothing, `undefined` when we cannot know. */
export function lookUp(key: Json, data: Json, { packet, scope }: { packet: Packet; scope: Scope }): Json | undefined {
  const value = factOf(key, packet)
  if (value === undefined) return undefined
  for (const pair of elementsOf(data, scope) ?? []) {
    const [from, to] = unwrapPair(pair)
    if (from !== undefined && equals(value, from)) return to ?? null
  }
  return null
}

/** The value of an expression for a packet. */
function factOf(expression: Json, packet: Packet): Value {
  if (typeof expression !== 'object' || expression === null || Array.isArray(expression)) return undefined
  const { meta, payload, ct, fib, concat } = expression as Record<string, Record<string, Json>>
  if (concat) {
    const parts = (concat as unknown as readonly Json[]).map((part) => factOf(part, packet))
    return parts.some((part) => part === undefined || Array.isArray(part)) ? undefined : (parts as (string | number)[])
  }
  if (meta) return metaOf(String(meta['key']), packet)
  if (payload) return payloadOf(payload, packet)
  if (ct) return trackingOf(String(ct['key']), packet)
  const flags = fib?.['flags']
  return fib?.['result'] === 'type' && Array.isArray(flags) && `${flags}` === 'daddr'
    ? packet.isLocal
      ? 'local'
      : 'unicast'
    : undefined
}

function metaOf(key: string, { family, protocol, inInterface, outInterface }: Packet): Value {
  switch (key) {
    case 'iifname':
    case 'iif':
      return inInterface
    case 'oifname':
    case 'oif':
      return outInterface
    case 'l4proto':
      return protocol
    case 'nfproto':
      return family === 'ip' ? 'ipv4' : 'ipv6'
    case 'protocol':
      return family
    default:
      return undefined
  }
}

function payloadOf({ protocol, field }: Record<string, Json>, packet: Packet): Value {
  if (protocol === 'ip' || protocol === 'ip6') {
    // Another version of IP has no such field: no address is equal to it.
    if (protocol !== packet.family) return 'none'
    if (field === 'saddr') return packet.source
    if (field === 'daddr') return packet.destination
    return field === 'protocol' || field === 'nexthdr' ? packet.protocol : undefined
  }
  if (protocol === 'ether' && field === 'type') return packet.family
  if ((protocol === 'tcp' || protocol === 'udp') && protocol !== packet.protocol) return 'none'
  return field === 'dport' ? packet.port : undefined
}

function trackingOf(key: string, packet: Packet): Value {
  if (key === 'state') return 'new'
  if (key === 'status') return packet.isTranslated ? 'dnat' : 'none'
  return key === 'direction' ? 'original' : undefined
}

/** Whether a value is the other, or among the others. */
function holds(value: Value, right: Json, scope: Scope): boolean | undefined {
  if (typeof right === 'string' && right.startsWith('@')) {
    const elements = elementsOf(right, scope)
    return elements?.some((element) => equals(value, element))
  }
  if (Array.isArray(right)) return right.some((one) => equals(value, one))
  const set = typeof right === 'object' && right !== null ? (right as Record<string, Json>)['set'] : undefined
  if (set !== undefined) return elementsOf(right, scope)?.some((element) => equals(value, element))
  return equals(value, right)
}

/** Elements of a named or anonymous set; `undefined` when it is not there. */
function elementsOf(data: Json, { tree, table }: Scope): readonly Json[] | undefined {
  if (typeof data === 'string') return tree.elements.get(`${table} ${data.slice(1)}`)
  const { set } = (data ?? {}) as { set?: readonly Json[] | Json }
  return set === undefined ? undefined : Array.isArray(set) ? set : [set]
}

function equals(value: Value, wrapped: Json): boolean {
  const element = unwrap(wrapped)
  const { concat } = (element ?? {}) as { concat?: readonly Json[] }
  if (Array.isArray(value)) {
    const parts = concat ?? []
    return parts.length === value.length && value.every((part, index) => equalsOne(part, unwrap(parts[index] ?? null)))
  }
  return equalsOne(value as string | number, element)
}

function equalsOne(value: string | number, element: Json): boolean {
  const { prefix, range } = (element ?? {}) as { prefix?: { addr: string; len: number }; range?: readonly Json[] }
  if (prefix) return isWithin(String(value), `${prefix.addr}/${prefix.len}`)
  if (range) return order(value, range[0] ?? 0) >= 0 && order(value, range[1] ?? 0) <= 0
  if (typeof element === 'string' && element.endsWith('*')) return String(value).startsWith(element.slice(0, -1))
  return String(value) === String(element)
}

function compare(op: string, value: Value, right: Json): boolean | undefined {
  if (typeof value !== 'number' || typeof right !== 'number') return undefined
  switch (op) {
    case '<':
      return value < right
    case '>':
      return value > right
    case '<=':
      return value <= right
    default:
      return value >= right
  }
}

function isWithin(address: string, cidr: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const [subnet, prefix] = ipaddr.parseCIDR(cidr)
  const one = ipaddr.parse(address)
  return one.kind() === subnet.kind() && one.match(subnet, prefix)
}

/** Below, at or above zero as the first comes before, with or after the second: numbers and addresses. */
function order(a: string | number, b: Json): number {
  if (typeof a === 'number') return a - Number(b)
  if (!ipaddr.isValid(a) || !ipaddr.isValid(String(b))) return String(a).localeCompare(String(b))
  return Buffer.compare(Buffer.from(ipaddr.parse(a).toByteArray()), Buffer.from(ipaddr.parse(String(b)).toByteArray()))
}

/** An element with a time-out, a counter or a comment is in a box of its own. */
function unwrap(element: Json): Json {
  const { elem } = (element ?? {}) as { elem?: { val: Json } }
  return elem ? elem.val : element
}

function unwrapPair(pair: Json): readonly [Json | undefined, Json | undefined] {
  if (!Array.isArray(pair)) return [undefined, undefined]
  return [unwrap(pair[0] as Json), pair[1] as Json]
}
