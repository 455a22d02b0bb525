import { notConfigured } from '../../cluster/errors.ts'
import type { ClusterNetwork } from '../../cluster/layout.ts'
import { EngineError } from '../../contract/errors.ts'
import type { CreateNetwork } from '../../contract/network.ts'
import { newId } from '../../lib/names.ts'
import { OPTION } from '../../network/driver.ts'
import { choosePool, choosePool6, isOverlapping } from '../../network/ipam.ts'
import { chooseVni, isEncrypted, vniOf } from '../../network/overlay.ts'
import type { NetworkRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { NO_POOL, planPool, splitPools, takenSubnets } from './pools.ts'

const USUAL_MTU = 1500

/** Adds a network to the cluster: for every host, with a subnet and a VXLAN id that no other network of it has. */
export async function addOverlay(context: ServiceContext, config: CreateNetwork): Promise<NetworkRecord> {
  assertPossible(context)
  const id = newId()
  const createdAt = context.now().toISOString()
  const local = await takenSubnets(context)
  const options = await withUnderlayMtu(context, config.options)
  const { v4, v6 } = splitPools(config.pools)
  const added = await context.cluster.addNetwork((known) => {
    const holder = known.find(({ name }) => name === config.name)
    if (holder)
      throw new EngineError('conflict', 'network.name-in-use', `network with name ${config.name} already exists`, {
        details: { name: config.name, network: holder.id },
      })
    const taken = [...local, ...known.flatMap(subnetsOf)]
    const vni = chooseVni(vniOf({ options }), new Set(known.map((one) => one.vni)))
    const pool6 = v6?.subnet || choosePool6(id, taken)
    const planned = toCluster({
      version: 1,
      id,
      name: config.name,
      driver: 'overlay',
      createdAt,
      interface: '',
      ipv4: planPool({ ...(v4 ?? NO_POOL), subnet: v4?.subnet || choosePool(taken, 'global') }, taken),
      ipv6: config.enableIPv6 || v6 ? planPool({ ...(v6 ?? NO_POOL), subnet: pool6 }, taken) : null,
      isInternal: config.isInternal,
      options: { ...options, [OPTION.vni]: String(vni) },
      ipamOptions: config.ipamOptions,
      labels: config.labels,
    })
    // Refused before it is every host's.
    toRecord(context, planned)
    return planned
  })
  return toRecord(context, added)
}

function assertPossible({ config, cluster }: ServiceContext): void {
  if (config.mode === 'rootless')
    throw new EngineError(
      'forbidden',
      'network.overlay-rootless',
      "an ordinary user's engine cannot take part in overlay networks: its containers live behind a translation of addresses that VXLAN packets of other hosts do not come through; run the engine as root",
    )
  if (!cluster.isConfigured) throw notConfigured()
}

/** Puts a network that the store has lost back into it, unless another has its name, VXLAN id or subnet meanwhile. */
export async function restoreOverlay(context: ServiceContext, record: NetworkRecord): Promise<void> {
  const own = toCluster(record)
  await context.cluster.addNetwork((known) => {
    const same = known.find(({ id }) => id === record.id)
    if (same) return same
    const other = known.find(
      (one) =>
        one.name === own.name ||
        one.vni === own.vni ||
        subnetsOf(one).some((a) => subnetsOf(own).some((b) => isOverlapping(a, b))),
    )
    if (!other) return own
    throw new EngineError('conflict', 'network.replaced', `network ${other.name} has taken the place of ${own.name}`)
  })
}

/** Where the way between hosts is narrower than usual, all hosts must keep to that. */
async function withUnderlayMtu(context: ServiceContext, options: Record<string, string>) {
  const { address } = context.cluster.describe()
  if (options[OPTION.mtu] || !address) return options
  const mtu = await context.network.underlayMtu(address)
  return mtu < USUAL_MTU ? { ...options, [OPTION.mtu]: String(mtu) } : options
}

const subnetsOf = ({ ipv4, ipv6 }: ClusterNetwork): string[] => [ipv4, ipv6].flatMap((pool) => pool?.subnet ?? [])

function toCluster(record: NetworkRecord): ClusterNetwork {
  const { id, name, createdAt, ipv4, ipv6, isInternal, options, ipamOptions, labels } = record
  const pool = (from: NetworkRecord['ipv4']) =>
    from && { subnet: from.subnet, gateway: from.gateway, ipRange: from.ipRange, auxiliaryNames: from.auxiliaryNames }
  return {
    id,
    name,
    createdAt,
    vni: vniOf(record),
    ipv4: pool(ipv4),
    ipv6: pool(ipv6),
    isInternal,
    isEncrypted: isEncrypted(record),
    options,
    ipamOptions,
    labels,
  }
}

/** A network of the cluster as this host keeps it. Options and addresses that cannot be kept to are refused. */
export function toRecord(context: Pick<ServiceContext, 'network'>, network: ClusterNetwork): NetworkRecord {
  const pool = (from: ClusterNetwork['ipv4']) => from && planPool({ ...from, auxiliary: from.auxiliaryNames }, [])
  const draft: NetworkRecord = {
    version: 1,
    id: network.id,
    name: network.name,
    driver: 'overlay',
    createdAt: network.createdAt,
    interface: '',
    ipv4: pool(network.ipv4),
    ipv6: pool(network.ipv6),
    isInternal: network.isInternal,
    options: { ...network.options, [OPTION.vni]: String(network.vni) },
    ipamOptions: network.ipamOptions,
    labels: network.labels,
  }
  return { ...draft, interface: context.network.interfaceOf(draft) }
}
