import os from 'node:os'
import type { NetworkFiles } from '../../runtime/container-runtime.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import { isAlive } from '../container/state.ts'
import type { ServiceContext } from '../context.ts'
import { linkedTo } from './links.ts'
import { parseNetworkMode } from './mode.ts'

/** Writes a container's hosts and resolv.conf. */
export async function writeFiles(context: ServiceContext, record: ContainerRecord): Promise<void> {
  await context.runtime.writeNetworkFiles(record.id, {
    hosts: hostsOf(context, record),
    resolvConf: resolvConfOf(record),
  })
}

/** Writes the hosts files anew of the running containers that name this one by a link. */
export async function rewriteLinks(context: ServiceContext, id: string): Promise<void> {
  for (const record of context.containers.list()) {
    if (!isAlive(record.state.status) || parseNetworkMode(record.config.network).kind !== 'network') continue
    if (!linkedTo(context, record).some(({ other }) => other.id === id)) continue
    await context.runtime.writeNetworkFiles(record.id, { hosts: hostsOf(context, record) })
  }
}

/** Whether a container asks the engine's own DNS: on any network but the default one. */
export function hasEmbeddedDns({ endpoints }: Pick<ContainerRecord, 'endpoints'>): boolean {
  return endpoints.some(({ network }) => network !== 'bridge')
}

function resolvConfOf(record: ContainerRecord): NetworkFiles['resolvConf'] {
  const { dns, dnsSearch, dnsOptions, network } = record.config
  const from = network === 'host' ? 'host' : hasEmbeddedDns(record) ? 'embedded' : 'outside'
  return { from, dns, search: dnsSearch, options: dnsOptions }
}

function hostsOf(context: ServiceContext, record: ContainerRecord): NetworkFiles['hosts'] {
  const { extraHosts, network } = record.config
  if (network === 'host') return { copyOfHost: true, extraHosts }
  return {
    hostname: record.hostname,
    addresses: record.endpoints.flatMap(({ ipAddress, ipv6Address }) => [ipAddress, ipv6Address].filter(Boolean)),
    hostGateway: hostGateway(context),
    hasHostName: network !== 'none',
    extraHosts,
    // On other networks DNS knows the names.
    links: linkedTo(context, record).flatMap(({ other, alias }) => {
      const isHere = record.endpoints.some((endpoint) => endpoint.network === 'bridge')
      const place = isHere && other.endpoints.find((endpoint) => endpoint.network === 'bridge')
      return place && isAlive(other.state.status)
        ? [{ address: place.ipAddress, names: [alias, other.hostname, other.name] }]
        : []
    }),
  }
}

/**
 * The address by which containers reach this machine: the default bridge's, which rootless is in a namespace of its own;
 * there it is the machine's first address that is not loopback.
 */
export function hostGateway(context: ServiceContext): string {
  const bridge = context.networks.get('bridge')?.ipv4?.gateway ?? ''
  if (context.config.mode === 'rootful') return bridge
  const addresses = Object.values(os.networkInterfaces()).flatMap((list) => list ?? [])
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? bridge
}
