import { newId } from '../../lib/names.ts'
import { choosePool, parseSubnet, toAddress } from '../../network/ipam.ts'
import type { NetworkRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { takenSubnets } from './pools.ts'

/** Makes the records of the networks that are always there. */
export async function ensureDefaultNetworks(
  context: Pick<ServiceContext, 'networks' | 'network' | 'config' | 'now'>,
): Promise<void> {
  const { networks, config, now } = context
  const plain = (name: string, driver: NetworkRecord['driver']): NetworkRecord => ({
    version: 1,
    id: newId(),
    name,
    driver,
    createdAt: now().toISOString(),
    interface: '',
    ipv4: null,
    ipv6: null,
    isInternal: false,
    options: {},
    labels: {},
  })
  if (!networks.get('bridge')) {
    const subnet = choosePool(await takenSubnets(context))
    const gateway = toAddress(parseSubnet(subnet).first + 1n)
    const ipv4 = { subnet, gateway, ipRange: '', auxiliary: [], auxiliaryNames: {}, lastAddress: gateway }
    await networks.put({ ...plain('bridge', 'bridge'), interface: config.bridge, ipv4 })
  }
  for (const name of ['host', 'none'] as const) if (!networks.get(name)) await networks.put(plain(name, name))
}
