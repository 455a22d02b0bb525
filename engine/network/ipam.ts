import ipaddr from 'ipaddr.js'
import { EngineError } from '../contract/errors.ts'

export type IpVersion = 4 | 6
const BITS = { 4: 32n, 6: 128n } as const

/** A subnet as numbers: first and last address, prefix length, version. */
export interface Range {
  readonly first: bigint
  readonly last: bigint
  readonly prefix: number
  readonly version: IpVersion
}

/** Addresses that a network gives out. */
export interface AddressPool {
  readonly subnet: string
  readonly gateway: string
  /** Narrower range that addresses come from; `''` is the whole subnet. */
  readonly ipRange: string
  /** Addresses that are somebody else's. */
  readonly auxiliary: readonly string[]
  /** The address handed out last, so that a freed one is not used again at once. */
  readonly lastAddress: string
}

const bad = (message: string, reason = 'network.invalid-subnet') => new EngineError('invalidArgument', reason, message)

/** An address as a number; `network.invalid-address` when it is none. */
export function toNumber(address: string): bigint {
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !ipaddr.IPv6.isValid(address))
    throw bad(`invalid address: ${JSON.stringify(address)}`, 'network.invalid-address')
  return ipaddr
    .parse(address)
    .toByteArray()
    .reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
}

/** The text of an address number. */
export function toAddress(number: bigint, version: IpVersion = 4): string {
  const count = Number(BITS[version] / 8n)
  const bytes = Array.from({ length: count }, (_, index) => Number((number >> BigInt(8 * (count - 1 - index))) & 0xffn))
  return ipaddr.fromByteArray(bytes).toString()
}

/** Reads `address/prefix`. Host bits are dropped. */
export function parseSubnet(subnet: string): Range {
  const [address = '', bits = '', rest] = subnet.split('/')
  const version: IpVersion = address.includes(':') ? 6 : 4
  const prefix = Number(bits)
  if (rest !== undefined || !/^\d+$/.test(bits) || BigInt(prefix) > BITS[version])
    throw bad(`invalid subnet: ${JSON.stringify(subnet)}`)
  const size = 1n << (BITS[version] - BigInt(prefix))
  const first = (toNumber(address) / size) * size
  return { first, last: first + size - 1n, prefix, version }
}

/** Whether a subnet holds an address (or a whole subnet). */
export function contains(subnet: string, inner: string): boolean {
  const outer = parseSubnet(subnet)
  const range = parseSubnet(inner.includes('/') ? inner : `${inner}/${outer.version === 6 ? 128 : 32}`)
  return range.version === outer.version && range.first >= outer.first && range.last <= outer.last
}

/** Whether two subnets share an address. */
export function isOverlapping(a: string, b: string): boolean {
  const [x, y] = [parseSubnet(a), parseSubnet(b)]
  return x.version === y.version && x.first <= y.last && y.first <= x.last
}

/**
 * The next free address after `lastAddress`, wrapping round: serial, so that a freed address rests a while.
 * Network, gateway, auxiliary and broadcast addresses are never handed out.
 */
export function nextAddress(pool: AddressPool, used: ReadonlySet<string>): string {
  const subnet = parseSubnet(pool.subnet)
  const range = parseSubnet(pool.ipRange || pool.subnet)
  const low = range.first > subnet.first ? range.first : subnet.first + 1n
  const high = range.last < subnet.last || subnet.version === 6 ? range.last : subnet.last - 1n
  const count = high - low + 1n
  const last = pool.lastAddress ? toNumber(pool.lastAddress) : low - 1n
  const start = last >= low && last <= high ? last - low + 1n : 0n
  const isTaken = (address: string) => address === pool.gateway || pool.auxiliary.includes(address) || used.has(address)
  const tries = BigInt(used.size + pool.auxiliary.length + 2)
  for (let step = 0n; step < count && step <= tries; step += 1n) {
    const address = toAddress(low + ((start + step) % count), subnet.version)
    if (!isTaken(address)) return address
  }
  throw new EngineError(
    'unavailable',
    'network.exhausted',
    `no free address is left in ${pool.ipRange || pool.subnet}; remove a container or choose another network`,
  )
}

/** The address that was asked for, when the network can give it. */
export function claimAddress(pool: AddressPool, wanted: string, used: ReadonlySet<string>): string {
  const subnet = parseSubnet(pool.subnet)
  const number = toNumber(wanted)
  const address = toAddress(number, subnet.version)
  const isEdge = subnet.version === 4 && subnet.prefix < 31 && (number === subnet.first || number === subnet.last)
  if (!contains(pool.subnet, wanted) || isEdge)
    throw bad(`no configured subnet contains IP address ${wanted}`, 'network.address-outside')
  if (address === pool.gateway || pool.auxiliary.includes(address) || used.has(address))
    throw new EngineError('conflict', 'network.address-in-use', `address ${wanted} is already in use on this network`)
  return address
}

const TENS = ['10.0.1.0', '11.0.0.0'] as const
/**
 * Where subnets come from by themselves: up to, and without, the second address. A VPN may lead to one of them as a whole;
 * one that comes up later does no harm, since a bridge's own route is longer than such.
 */
const POOLS = { local: [['172.17.0.0', '172.32.0.0'], ['192.168.0.0', '192.169.0.0'], TENS], global: [TENS] } as const

/** The first /24 of the pools that meets none of the subnets in use on this machine (and, `global`, in the cluster). */
export function choosePool(taken: readonly string[], scope: keyof typeof POOLS = 'local'): string {
  const ranges = taken.map(parseSubnet).filter(({ version }) => version === 4)
  for (const [start, end] of POOLS[scope]) {
    let first = toNumber(start)
    while (first < toNumber(end)) {
      const met = ranges.find((range) => range.first <= first + 255n && first <= range.last)
      if (!met) return `${toAddress(first)}/24`
      first = (met.last / 256n + 1n) * 256n
    }
  }
  throw new EngineError(
    'unavailable',
    'network.pools-exhausted',
    'all predefined address pools have been fully subnetted: remove networks that nobody is on, or routes that cover all private addresses',
  )
}

/**
 * A unique local IPv6 subnet that follows from a network's id (RFC 4193 with the id's digits as global id): the first such
 * that meets none of the subnets in use.
 */
export function choosePool6(networkId: string, taken: readonly string[]): string {
  const pools = Array.from({ length: networkId.length - 13 }, (_, at) => {
    const hex = networkId.slice(at, at + 14)
    const start = `fd${hex.slice(0, 2)}:${hex.slice(2, 6)}:${hex.slice(6, 10)}:${hex.slice(10, 14)}::`
    return `${toAddress(toNumber(start), 6)}/64`
  })
  const free = pools.find((pool) => !taken.some((other) => isOverlapping(other, pool)))
  if (free) return free
  throw new EngineError(
    'unavailable',
    'network.pools-exhausted',
    'no IPv6 subnet is free: name one, or remove routes that cover all private addresses',
  )
}

/**
 * Routes of VPNs for everything (`0.0.0.0/1`) say no more than the default route does: nothing private is so large. Of IPv6
 * all private addresses together are `fc00::/7`, and half of them are what subnets are chosen from.
 */
const WIDEST_PREFIX = { 4: 8, 6: 9 } as const

/** Destinations of routes without those that stand for everything. */
export const narrowRoutes = <R extends { readonly subnet: string }>(routes: readonly R[]): R[] =>
  routes.filter(({ subnet }) => {
    const { prefix, version } = parseSubnet(subnet)
    return prefix >= WIDEST_PREFIX[version]
  })

/** Destinations of the text of `/proc/net/route`, which is the main table, without those that stand for everything. */
export function routesOf(table: string): { readonly subnet: string; readonly interface: string }[] {
  const little = (hex: string) => BigInt(`0x${hex.match(/../g)?.reverse().join('') || '0'}`)
  const routes = table
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .filter((fields) => fields.length > 7)
    .map((fields) => {
      const prefix = little(fields[7] ?? '')
        .toString(2)
        .replaceAll('0', '').length
      return { subnet: `${toAddress(little(fields[1] ?? ''))}/${prefix}`, interface: fields[0] ?? '' }
    })
  return narrowRoutes(routes)
}
