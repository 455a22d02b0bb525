import type { PortBinding } from '../../contract/container.ts'
import { hostBindingOf } from '../../network/bridge.ts'
import type { PortForward } from '../../network/networks.ts'
import type { ContainerRecord, NetworkRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'

/** The first network of a container that the host reaches, with its place there. */
function placeToPublish(context: ServiceContext, record: ContainerRecord) {
  for (const endpoint of record.endpoints) {
    const network = context.networks.get(endpoint.network)
    if (network?.driver === 'bridge' && !network.isInternal) return { network, endpoint }
  }
  return undefined
}

/** Where a port is bound: as asked, else where its network has its own address for that, else where it is set for all. */
function hostIpOf(context: ServiceContext, { hostIp }: PortBinding, network: NetworkRecord | undefined): string {
  return hostIp || (network && hostBindingOf(network)) || context.networkSettings.current().hostAddress
}

/** A container's published ports as they will be when it runs. */
export function bindingsOf(context: ServiceContext, record: ContainerRecord): PortBinding[] {
  const network = record.config.ports.length > 0 ? placeToPublish(context, record)?.network : undefined
  return record.config.ports.map((port) => ({ ...port, hostIp: hostIpOf(context, port, network) }))
}

/**
 * What to open for a container's published ports: each to the address of the host address's version, on the first
 * network that the host reaches. `chosen` are host ports of before, which are kept.
 */
export function portsOf(
  context: ServiceContext,
  record: ContainerRecord,
  chosen: readonly (number | undefined)[] = [],
): PortForward[] {
  const place = placeToPublish(context, record)
  if (!place) return []
  const { endpoint } = place
  return bindingsOf(context, record).map(({ hostPortEnd, ...port }, index) => ({
    ...port,
    ...(chosen[index] === undefined ? { hostPortEnd } : { hostPort: chosen[index] }),
    containerIp: (port.hostIp.includes(':') && endpoint.ipv6Address) || endpoint.ipAddress || endpoint.ipv6Address,
  }))
}

/** Leads the published ports of a running container to where it is now, when that has changed. */
export async function republish(context: ServiceContext, record: ContainerRecord): Promise<ContainerRecord> {
  const wanted = portsOf(
    context,
    record,
    record.ports.map(({ hostPort }) => hostPort),
  )
  if (JSON.stringify(wanted) === JSON.stringify(record.ports)) return record
  return { ...record, ports: [...(await context.network.publish(record.id, wanted))] }
}
