import type { EndpointDetail, NetworkSummary } from '../../contract/network.ts'
import type { ContainerRecord, NetworkRecord } from '../../store/schema.ts'
import { isAlive } from '../container/state.ts'
import type { ServiceContext } from '../context.ts'
import { containersOn } from './endpoints.ts'
import { findNetwork } from './find.ts'
import { dnsNamesOf } from './names.ts'
import { remotesOf } from './overlay.ts'

/** Networks by name, each with the containers on it. */
export function listNetworks(context: ServiceContext): NetworkSummary[] {
  return context.networks
    .list()
    .toSorted((a, b) => a.name.localeCompare(b.name))
    .map((record) => describeNetwork(context, record))
}

/** One network. */
export function inspectNetwork(context: ServiceContext, ref: string): NetworkSummary {
  return describeNetwork(context, findNetwork(context.networks, ref))
}

function describeNetwork(context: ServiceContext, record: NetworkRecord): NetworkSummary {
  const { ipv4, ipv6 } = record
  return {
    id: record.id,
    name: record.name,
    driver: record.driver,
    scope: record.driver === 'overlay' ? 'global' : 'local',
    peers: peersOf(context, record),
    createdAt: record.createdAt,
    interface: record.interface,
    subnet: ipv4?.subnet ?? '',
    gateway: ipv4?.gateway ?? '',
    ipRange: ipv4?.ipRange ?? '',
    ipv6Subnet: ipv6?.subnet ?? '',
    ipv6Gateway: ipv6?.gateway ?? '',
    auxiliary: { ...ipv4?.auxiliaryNames, ...ipv6?.auxiliaryNames },
    isInternal: record.isInternal,
    enableIPv6: ipv6 !== null,
    options: record.options,
    ipamOptions: record.ipamOptions ?? {},
    labels: record.labels,
    endpoints: containersOn(context, record.name).map(({ record: container, endpoint }) => {
      const isRunning = isAlive(container.state.status)
      return {
        containerId: container.id,
        name: container.name,
        interface: endpoint.interface,
        // What does not run holds none.
        ipAddress: isRunning ? endpoint.ipAddress : endpoint.requested.ipAddress,
        prefix: endpoint.prefix,
        ipv6Address: isRunning ? endpoint.ipv6Address : endpoint.requested.ipv6Address,
        ipv6Prefix: endpoint.ipv6Prefix,
        macAddress: endpoint.macAddress,
        isRunning,
      }
    }),
  }
}

/** Other hosts with containers on a network. */
function peersOf(context: ServiceContext, record: NetworkRecord): NetworkSummary['peers'] {
  if (record.driver !== 'overlay') return []
  const peers = new Map<string, NetworkSummary['peers'][number]>()
  for (const { host, hostName, hostAddress, name } of remotesOf(context, record)) {
    const containers = [...(peers.get(host)?.containers ?? []), name]
    peers.set(host, { name: hostName, address: hostAddress, containers })
  }
  return [...peers.values()]
}

/** A container's places as inspect shows them. */
export function describeEndpoints(context: ServiceContext, record: ContainerRecord): EndpointDetail[] {
  return record.endpoints.map((endpoint) => ({
    ...endpoint,
    networkId: context.networks.get(endpoint.network)?.id ?? '',
    dnsNames: endpoint.network === 'bridge' ? [] : dnsNamesOf(record, endpoint),
  }))
}
