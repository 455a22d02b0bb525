import type { DnsHost, ResolverParams } from '../../network/networks.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import { isAlive } from '../container/state.ts'
import type { ServiceContext } from '../context.ts'
import { settleDefaultBridge } from './default-bridge.ts'
import { containersOn } from './endpoints.ts'
import { hasEmbeddedDns, rewriteLinks } from './hosts.ts'
import { linkedTo, renameInLinks } from './links.ts'
import { dnsNamesOf, servicePortsOf } from './names.ts'
import { ensureOverlay, remotesOf, syncPlaces } from './overlay.ts'

/**
 * After a container came to networks or left them: makes names true again, in hosts files and in DNS. It never fails,
 * since it is about other containers than the one whose start or exit called for it.
 */
export async function refreshNames(context: ServiceContext, networks: readonly string[], id: string): Promise<void> {
  const attempt = (work: Promise<void>) =>
    work.catch((error: unknown) => context.log.warn({ id, error: String(error) }, 'names not made true'))
  await attempt(syncPlaces(context, id))
  await attempt(rewriteLinks(context, id))
  await Promise.all(networks.filter((name) => name !== 'bridge').map((name) => attempt(setZone(context, name))))
  for (const record of context.containers.list()) {
    const isConcerned = record.id === id || linkedTo(context, record).some(({ other }) => other.id === id)
    if (!isConcerned || !isAlive(record.state.status) || !hasEmbeddedDns(record)) continue
    await attempt(context.network.openResolver({ ...resolverOf(context, record), mayOpen: false }))
  }
}

/** After a container got another name, under the lock of all of them: links go on leading to it, and DNS knows it. */
export async function refreshRenamed(context: ServiceContext, id: string, oldName: string): Promise<void> {
  const record = context.containers.get(id)
  if (!record) return
  await renameInLinks(context, oldName, record.name)
  await refreshNames(
    context,
    record.endpoints.map(({ network }) => network),
    id,
  )
}

/** Tells the keeper who runs on a network, here and on other hosts. */
export async function setZone(context: ServiceContext, network: string): Promise<void> {
  const hosts = containersOn(context, network)
    .filter(({ record }) => isAlive(record.state.status))
    .map(({ record, endpoint }): DnsHost => {
      const { ipAddress: ipv4, ipv6Address: ipv6 } = endpoint
      return { names: dnsNamesOf(record, endpoint), ipv4, ipv6, ports: servicePortsOf(record) }
    })
  const record = context.networks.get(network)
  const remotes = record?.driver === 'overlay' ? remotesOf(context, record) : []
  const elsewhere = remotes.map(({ names, ipv4, ipv6, ports = [] }): DnsHost => ({ names, ipv4, ipv6, ports }))
  await context.network.setZone(network, [...hosts, ...elsewhere])
}

/** Serves names to a container that has its namespace, when it is on a network that has names. */
export async function openDns(context: ServiceContext, record: ContainerRecord): Promise<void> {
  if (hasEmbeddedDns(record)) await context.network.openResolver({ ...resolverOf(context, record), mayOpen: true })
}

function resolverOf(context: ServiceContext, record: ContainerRecord): Omit<ResolverParams, 'mayOpen'> {
  const networks = record.endpoints.map(({ network }) => network).filter((name) => name !== 'bridge')
  const own = linkedTo(context, record).flatMap(({ other, alias }): DnsHost[] => {
    const place = other.endpoints.find(({ network }) => networks.includes(network))
    return place && isAlive(other.state.status)
      ? [{ names: [alias], ipv4: place.ipAddress, ipv6: place.ipv6Address, ports: servicePortsOf(other) }]
      : []
  })
  const isForwarding = record.endpoints.some(({ network }) => !context.networks.get(network)?.isInternal)
  return { containerId: record.id, networks, own, isForwarding, upstreams: record.config.dns }
}

/** Makes names known again to a keeper that has just come: it keeps none of them. */
export async function restoreNames(context: ServiceContext): Promise<void> {
  for (const { name, driver } of context.networks.list())
    if (name !== 'bridge' && driver !== 'host' && driver !== 'none') await setZone(context, name)
  for (const record of context.containers.list())
    if (isAlive(record.state.status))
      await openDns(context, record).catch((error: unknown) =>
        context.log.warn({ id: record.id, error: String(error) }, 'names not served'),
      )
}

/** Makes the devices of every network, after a start of the engine or of a keeper. One that fails does not stop the rest. */
export async function ensureNetworks(context: ServiceContext): Promise<void> {
  // As it was set by hand in the settings' file, too.
  await settleDefaultBridge(context, context.networkSettings.current().bridge).catch((error: unknown) =>
    context.log.warn({ error: String(error) }, 'the default network stays as it is'),
  )
  for (const record of context.networks.list()) {
    // Those of the cluster are made when the first container here joins.
    const isOverlay = record.driver === 'overlay'
    const isUsed = containersOn(context, record.name).some(({ record: { state } }) => isAlive(state.status))
    if (isOverlay && !isUsed) continue
    await (isOverlay ? ensureOverlay(context, record) : context.network.ensure(record)).catch((error: unknown) => {
      if (record.name === 'bridge') throw error
      context.log.error({ network: record.name, error: String(error) }, 'network could not be made')
    })
  }
}
