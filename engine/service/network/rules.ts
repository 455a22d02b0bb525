import type { LiveRules } from '../../contract/network.ts'
import { hostInterfaceName } from '../../network/bridge.ts'
import { vxlanName } from '../../network/overlay.ts'
import { allRules, rulesAbout } from '../../network/rules/about.ts'
import { parseRules } from '../../network/rules/parse.ts'
import { findContainer } from '../container/find.ts'
import { isAlive } from '../container/state.ts'
import type { ServiceContext } from '../context.ts'
import { findNetwork } from './find.ts'

/** The kernel's rules of this moment that are about a network. */
export async function readNetworkRules(context: ServiceContext, ref: string): Promise<LiveRules> {
  const network = findNetwork(context.networks, ref)
  const { ipv4, ipv6 } = network
  const tunnel = network.driver === 'overlay' ? [vxlanName(network)] : []
  return {
    atBridges: await readAtBridges(context, [network.interface, ...tunnel, ...[ipv4, ipv6].map(subnetOf)]),
    inside: [],
  }
}

/** The same of a container, with all rules of its own namespace. */
export async function readContainerRules(context: ServiceContext, ref: string): Promise<LiveRules> {
  const { id, state, endpoints } = findContainer(context.containers, ref)
  const words = endpoints.flatMap((endpoint) => [
    hostInterfaceName(id, endpoint.interface),
    endpoint.ipAddress,
    endpoint.ipv6Address,
  ])
  if (!isAlive(state.status) || !state.init || endpoints.length === 0) return { atBridges: [], inside: [] }
  const [atBridges, own] = await Promise.all([
    readAtBridges(context, words),
    context.network.inspection.describeNamespace({ process: state.init, addresses: [] }),
  ])
  const tree = own.rules && parseRules(own.rules)
  return { atBridges, inside: tree && allRules(tree) }
}

const subnetOf = (pool: { readonly subnet: string } | null) => pool?.subnet ?? ''

async function readAtBridges(context: ServiceContext, words: readonly string[]) {
  const { rules } = await context.network.inspection.describeBridges({})
  const tree = rules && parseRules(rules)
  return tree && rulesAbout(tree, words)
}
