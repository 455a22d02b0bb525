import type { PortBinding } from '../../contract/container.ts'
import { readBridgeOptions } from '../../network/bridge-options.ts'
import { isBridged } from '../../network/driver.ts'
import type { PortForward } from '../../network/networks.ts'
import type { ContainerRecord, NetworkRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'

/** The first network of a container that the host reaches, with its place there. */
function placeToPublish(context: ServiceContext, record: ContainerRecord) {
  for (const endpoint of record.endpoints) {
    const network = context.networks.get(endpoint.network)
    if (network && isBridged(network) && !network.isInternal) return { network, endpoint }
  }
  return undefined
}

/** Where a port is bound: as asked, else where its network has its own address for that, else where it is set for all. */
function hostIpOf(context: ServiceContext, { hostIp }: PortBinding, network: NetworkRecord | undefined): string {
  return hostIp || (network && readBridgeOptions(network).hostBinding) || context.networkSettings.current().hostAddress
}

/** A container's published ports as they will be when it runs. */
export function bindingsOf(context: ServiceContext, record: ContainerRecord): PortBinding[] {
  const network = record.config.ports.length > 0 ? placeToPublish(context, record)?.network : undefined
  return record.config.ports.map((port) => ({ ...port, hostIp: hostIpOf(context, port, network) }))
}

/**
 * What to open for a container's published ports: each to the address of the host address's version, on the first
 * network that the host reaches. `chosen` are host ports of before, which are kept; 0 for one that needed none.
 */
export function portsOf(
  context: ServiceContext,
  record: ContainerRecord,
  chosen: readonly (number | undefined)[] = [],
): PortForward[] {
  const place = placeToPublish(context, record)
  if (!place) return []
  const { endpoint, network } = place
  const { gatewayModes } = readBridgeOptions(network)
  const toForward = (port: PortBinding, chosenPort: number | undefined): PortForward => {
    const { hostPortEnd, ...rest } = port
    const containerIp =
      (port.hostIp.includes(':') && endpoint.ipv6Address) || endpoint.ipAddress || endpoint.ipv6Address
    if (gatewayModes[containerIp.includes(':') ? 'ip6' : 'ip'] === 'routed') return routedPort(port, containerIp)
    return { ...rest, ...(chosenPort ? { hostPort: chosenPort } : { hostPortEnd }), containerIp }
  }
  const forwards = bindingsOf(context, record).map((port, index) => toForward(port, chosen[index]))
  // What names no address of the host is open in both versions, where one of them needs no port of the host.
  const isBoth = gatewayModes.ip6 === 'routed' && endpoint.ipv6Address !== '' && endpoint.ipAddress !== ''
  const more = isBoth ? record.config.ports.filter(({ hostIp }) => hostIp === '') : []
  return [...forwards, ...more.map((port) => routedPort(port, endpoint.ipv6Address))]
}

const routedPort = ({ protocol, containerPort }: PortBinding, containerIp: string): PortForward => ({
  protocol,
  hostIp: '',
  hostPort: 0,
  containerIp,
  containerPort,
  isRouted: true,
})

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
