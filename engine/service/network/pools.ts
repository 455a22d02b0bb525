import { isIP, isIPv6 } from 'node:net'
import os from 'node:os'
import { EngineError } from '../../contract/errors.ts'
import type { CreateNetwork } from '../../contract/network.ts'
import {
  contains,
  isOverlapping,
  narrowRoutes,
  parseSubnet,
  routesOf,
  toAddress,
  toNumber,
} from '../../network/ipam.ts'
import { resolversOf } from '../../runtime/files.ts'
import { readHostFile, readHostResolvers } from '../../runtime/host-resolvers.ts'
import type { NetworkRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'

type Pool = NonNullable<NetworkRecord['ipv4']>
type PoolRequest = CreateNetwork['pools'][number]

/** Nothing asked for. */
export const NO_POOL: PoolRequest = { subnet: '', gateway: '', ipRange: '', auxiliary: {} }

/** The pools of a request by address version. */
export function splitPools(pools: readonly PoolRequest[]): { v4?: PoolRequest; v6?: PoolRequest } {
  const isSix = ({ subnet, gateway }: PoolRequest) => `${subnet}${gateway}`.includes(':')
  const [v4, second4] = pools.filter((pool) => !isSix(pool))
  const [v6, second6] = pools.filter(isSix)
  if (second4 || second6)
    throw new EngineError(
      'invalidArgument',
      'network.invalid-subnet',
      'a network has at most one subnet of each address version',
    )
  return { ...(v4 ? { v4 } : {}), ...(v6 ? { v6 } : {}) }
}

/** Checks one pool's parts against each other and against what is in use. */
export function planPool(request: PoolRequest, taken: readonly string[]): Pool {
  const range = parseSubnet(request.subnet)
  const subnet = `${toAddress(range.first, range.version)}/${range.prefix}`
  const limit = range.version === 4 ? 30 : 126
  const refuse = (reason: string, text: string) => new EngineError('invalidArgument', reason, text)
  if (range.prefix > limit) throw refuse('network.invalid-subnet', `subnet ${subnet} is too small: at most /${limit}`)
  const other = taken.find((one) => isOverlapping(one, subnet))
  if (other)
    throw new EngineError(
      'forbidden',
      'network.overlaps',
      `invalid pool request: Pool overlaps with other one on this address space: ${subnet} meets ${other}`,
      { details: { subnet, other } },
    )
  const gateway = toAddress(request.gateway ? toNumber(request.gateway) : range.first + 1n, range.version)
  for (const address of [gateway, ...Object.values(request.auxiliary)])
    if (!contains(subnet, address))
      throw refuse('network.address-outside', `no matching subnet for ${address}: it is outside ${subnet}`)
  if (request.ipRange && !contains(subnet, request.ipRange))
    throw refuse('network.invalid-range', `the range ${request.ipRange} is outside the subnet ${subnet}`)
  // As addresses are written when they are given out.
  const auxiliary = Object.values(request.auxiliary).map((address) => toAddress(toNumber(address), range.version))
  return { subnet, gateway, ipRange: request.ipRange, auxiliary, auxiliaryNames: request.auxiliary, lastAddress: '' }
}

/**
 * Subnets that a new network must keep away from: our networks', this machine's addresses, routes and resolvers. `own` is a
 * network that may have those it has.
 */
export async function takenSubnets(
  context: Pick<ServiceContext, 'networks' | 'network' | 'config'>,
  own?: NetworkRecord,
): Promise<string[]> {
  const isOther = (device: string) => device === '' || device !== own?.interface
  const addresses = Object.entries(os.networkInterfaces()).flatMap(([device, list]) =>
    isOther(device) ? (list ?? []).flatMap(({ cidr }) => cidr ?? []) : [],
  )
  const routes = (await routesTo(context)).filter((route) => isOther(route.interface))
  // The network of slirp4netns and pasta, by which rootless containers reach the outside.
  const egress = context.config.mode === 'rootless' ? ['10.0.2.0/24'] : []
  return [
    ...subnetsOfNetworks(context, own),
    ...addresses,
    ...routes.map(({ subnet }) => subnet),
    ...resolverSubnets(await readHostResolvers()),
    ...egress,
  ]
}

/** Of all tables; a keeper that was started by an earlier version knows none, and the main table is there to read. */
const routesTo = ({ network }: Pick<ServiceContext, 'network'>) =>
  network.routes().then(narrowRoutes, async () => routesOf(await readHostFile('/proc/net/route')))

/** The resolvers that a resolv.conf names, each as the subnet that it is alone. */
export const resolverSubnets = (resolvConf: string): string[] =>
  resolversOf(resolvConf).flatMap((text) => {
    const [address = ''] = text.split('%')
    return isIP(address) ? [`${address}/${isIPv6(address) ? 128 : 32}`] : []
  })

/** Subnets of our own networks, but for one. */
export function subnetsOfNetworks({ networks }: Pick<ServiceContext, 'networks'>, but?: NetworkRecord): string[] {
  return networks
    .list()
    .filter(({ id }) => id !== but?.id)
    .flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].flatMap((pool) => pool?.subnet ?? []))
}
