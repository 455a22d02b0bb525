import type { PortBinding } from '../../contract/container.ts'
import { type BridgeOptions, readBridgeOptions } from '../../network/bridge-options.ts'
import { isBridged } from '../../network/driver.ts'
import type { PortForward } from '../../network/networks.ts'
import type { ContainerRecord, EndpointRecord, NetworkRecord } from '../../store/schema.ts'
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
 * network that the host reaches. `chosen` are host ports of before, which are kept; 0 for one that needed none. The
 * second halves of those that are open in both versions of IP come after all others.
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
  // Asked once: it lists the interfaces of this machine.
  const hasIpv6 = record.config.ports.some(({ hostIp }) => hostIp === '') && context.hasIpv6()
  const seconds = record.config.ports.flatMap((port, index) => {
    const first = forwards[index]
    return first && port.hostIp === '' ? secondOf({ port, first, index }, { endpoint, gatewayModes, hasIpv6 }) : []
  })
  return [...forwards, ...seconds]
}

interface Surroundings {
  readonly endpoint: EndpointRecord
  readonly gatewayModes: BridgeOptions['gatewayModes']
  readonly hasIpv6: boolean
}

/**
 * A port that names no address of the host is open in both versions, also to a container that has one of them: the proxy
 * leads there. An address that is set for such ports is meant alone.
 */
function secondOf(
  { port, first, index }: { readonly port: PortBinding; readonly first: PortForward; readonly index: number },
  { endpoint, gatewayModes, hasIpv6 }: Surroundings,
): PortForward[] {
  const { protocol, containerPort } = port
  const { hostPort, hostPortEnd } = first.isRouted ? port : first
  const { ipAddress, ipv6Address } = endpoint
  if (gatewayModes.ip6 === 'routed' && ipv6Address) return ipAddress ? [routedPort(first, ipv6Address)] : []
  const isEverywhere = first.isRouted ? ipv6Address !== '' : first.hostIp === EVERYWHERE
  // Nothing carries SCTP from one version to the other.
  const containerIp = ipv6Address || (protocol === 'sctp' ? '' : ipAddress)
  if (!isEverywhere || containerIp === '' || !hasIpv6) return []
  const isChosenLater = !first.isRouted && (hostPort === 0 || (hostPortEnd ?? 0) > hostPort)
  const number = first.isRouted ? { hostPort, hostPortEnd } : { hostPort, ...(isChosenLater && { samePortAs: index }) }
  return [{ protocol, hostIp: '::', ...number, containerIp, containerPort }]
}

const EVERYWHERE = '0.0.0.0'

const routedPort = ({ protocol, containerPort }: PortBinding | PortForward, containerIp: string): PortForward => ({
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
