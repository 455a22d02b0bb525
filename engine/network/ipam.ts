import { EngineError } from '../contract/errors.ts'

/** An IPv4 address as a number. */
export function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

/** The dotted form of an IPv4 number. */
export function toAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join('.')
}

/** First and last address of `a.b.c.d/n`, and `n`. */
export function parseSubnet(subnet: string): {
  readonly first: number
  readonly last: number
  readonly prefix: number
} {
  const [address = '', bits = ''] = subnet.split('/')
  const prefix = Number(bits)
  const size = 2 ** (32 - prefix)
  const first = Math.floor(toNumber(address) / size) * size
  return { first, last: first + size - 1, prefix }
}

/** Whether two subnets share an address. */
export function isOverlapping(a: string, b: string): boolean {
  const [x, y] = [parseSubnet(a), parseSubnet(b)]
  return x.first <= y.last && y.first <= x.last
}

/**
 * The next free address after `lastAddress`, wrapping round: serial, so that a freed address rests a while.
 * Network, gateway and broadcast addresses are never handed out.
 */
export function nextAddress(
  pool: { subnet: string; gateway: string; lastAddress: string },
  used: ReadonlySet<string>,
): string {
  const { first, last } = parseSubnet(pool.subnet)
  const usable = last - first - 1
  const start = pool.lastAddress ? toNumber(pool.lastAddress) - first : 0
  for (let step = 1; step <= usable; step += 1) {
    const offset = ((start - 1 + step) % usable) + 1
    const address = toAddress(first + offset)
    if (address !== pool.gateway && !used.has(address)) return address
  }
  throw new EngineError(
    'unavailable',
    'network.exhausted',
    `no free address is left in ${pool.subnet}; remove a container or choose another network`,
  )
}

/** The first /24 of the pools that meets none of the subnets in use on this machine. */
export function choosePool(taken: readonly string[]): string {
  for (let second = 17; second < 32; second += 1) {
    for (let third = 0; third < 256; third += 1) {
      const subnet = `172.${second}.${third}.0/24`
      if (!taken.some((other) => isOverlapping(subnet, other))) return subnet
    }
  }
  throw new EngineError(
    'unavailable',
    'network.pools-exhausted',
    'all predefined address pools have been fully subnetted',
  )
}
