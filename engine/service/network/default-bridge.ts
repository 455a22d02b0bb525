import { EngineError } from '../../contract/errors.ts'
import type { DefaultBridge } from '../../contract/network.ts'
import { OPTION } from '../../network/driver.ts'
import { choosePool, choosePool6, isOverlapping, parseSubnet, toNumber } from '../../network/ipam.ts'
import type { NetworkRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { NO_POOL, planPool, takenSubnets } from './pools.ts'
import { alone, runningOn } from './remove.ts'

type Pool = NetworkRecord['ipv4']

/**
 * The network `bridge` as it is to be, clear of what others have. What the engine may choose stays as it chose before, unless
 * somebody else has it now: another engine may have come while ours was away.
 */
export function planDefaultBridge(
  current: NetworkRecord,
  settings: DefaultBridge,
  taken: readonly string[],
): NetworkRecord {
  const plan = (now: Pool, subnet: string): Pool => {
    const planned = planPool({ ...NO_POOL, subnet, gateway: gatewayIn(subnet) }, taken)
    return now?.subnet === planned.subnet && now.gateway === planned.gateway ? now : planned
  }
  const isFree = (pool: Pool) => pool !== null && !taken.some((other) => isOverlapping(other, pool.subnet))
  const { ipv4, ipv6 } = current
  assertVersion(settings.subnet, 4)
  assertVersion(settings.ipv6Subnet, 6)
  const chosen = settings.subnet === '' && isFree(ipv4) ? ipv4 : plan(ipv4, settings.subnet || choosePool(taken))
  const choose6 = () =>
    settings.ipv6Subnet === '' && isFree(ipv6)
      ? ipv6
      : plan(ipv6, settings.ipv6Subnet || choosePool6(current.id, taken))
  return {
    ...current,
    ipv4: chosen,
    ipv6: settings.enableIPv6 ? choose6() : null,
    options: {
      ...(settings.isOpenWithin ? {} : { [OPTION.icc]: 'false' }),
      ...(settings.masquerade ? {} : { [OPTION.masquerade]: 'false' }),
      ...(settings.mtu > 0 ? { [OPTION.mtu]: String(settings.mtu) } : {}),
    },
  }
}

function assertVersion(subnet: string, version: 4 | 6): void {
  if (subnet === '' || parseSubnet(subnet).version === version) return
  throw new EngineError('invalidArgument', 'network.invalid-subnet', `${subnet} is no IPv${version} subnet`)
}

/** `192.168.5.1/24` names the bridge's own address, `192.168.5.0/24` leaves it to be the first. */
function gatewayIn(subnet: string): string {
  const { first } = parseSubnet(subnet)
  const [address = ''] = subnet.split('/')
  return toNumber(address) === first ? '' : address
}

/** Makes the default bridge anew as it is set, while nobody runs on it; on failure it is as it was. */
export async function settleDefaultBridge(context: ServiceContext, settings: DefaultBridge): Promise<void> {
  await alone(context, async () => {
    const current = context.networks.get('bridge')
    if (!current) return
    const next = planDefaultBridge(current, settings, await takenSubnets(context, current))
    if (JSON.stringify(next) === JSON.stringify(current)) return
    context.network.interfaceOf(next)
    assertUnused(context, current)
    await context.network.remove(current)
    try {
      await context.network.ensure(next)
      await context.networks.put(next)
    } catch (error) {
      await context.network
        .remove(next)
        .catch((cause: unknown) => context.log.warn({ error: String(cause) }, 'the network bridge was not taken back'))
      await context.network.ensure(current)
      throw error
    }
    const { id, name, driver } = next
    context.bus.publish({ type: 'network', action: 'update', id, attributes: { name, type: driver } })
  })
}

function assertUnused(context: ServiceContext, network: NetworkRecord): void {
  const names = runningOn(context, network).map(({ name }) => name)
  if (names.length === 0) return
  const containers = names.join(', ')
  throw new EngineError(
    'conflict',
    'network.bridge-running',
    `the network bridge cannot be changed while containers run on it: stop ${containers} first`,
    { details: { containers } },
  )
}
