import { MOST_PORTS } from '../../cluster/layout.ts'
import type { OwnEndpoint } from '../../cluster/place.ts'
import type { RemoteEndpoint } from '../../cluster/snapshot.ts'
import { contains } from '../../network/ipam.ts'
import { deriveEncryption, isEncrypted, vniOf } from '../../network/overlay.ts'
import type { ContainerRecord, EndpointRecord, NetworkRecord } from '../../store/schema.ts'
import { holdsAddresses } from '../container/state.ts'
import type { ServiceContext } from '../context.ts'
import { dnsNamesOf, servicePortsOf } from './names.ts'

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,252}$/

/** Networks that the cluster shares. */
export const overlays = (context: ServiceContext): NetworkRecord[] =>
  context.networks.list().filter(({ driver }) => driver === 'overlay')

/** Containers of other hosts on a network, but for those whose addresses cannot be theirs. */
export function remotesOf(context: ServiceContext, { id, ipv4, ipv6 }: NetworkRecord): RemoteEndpoint[] {
  const own = context.cluster.own().filter(({ network }) => network === id)
  const held = new Set(own.flatMap((one) => [one.ipv4, one.ipv6].filter(Boolean)))
  const fits = (pool: NetworkRecord['ipv4'], address: string) =>
    address === '' ||
    (pool !== null && contains(pool.subnet, address) && address !== pool.gateway && !held.has(address))
  return context.cluster.remotes(id).filter((one) => fits(ipv4, one.ipv4) && fits(ipv6, one.ipv6))
}

/** A container's place as the other hosts shall know it. */
export function ownEndpoint(record: ContainerRecord, network: NetworkRecord, endpoint: EndpointRecord): OwnEndpoint {
  return {
    network: network.id,
    container: record.id,
    name: record.name,
    ipv4: endpoint.ipAddress,
    ipv6: endpoint.ipv6Address,
    mac: endpoint.macAddress,
    names: dnsNamesOf(record, endpoint).filter((name) => NAME.test(name)),
    ports: servicePortsOf(record).slice(0, MOST_PORTS),
  }
}

/** Places of a container on networks of the cluster, while it holds addresses. */
export function placesOf(context: ServiceContext, id: string): OwnEndpoint[] {
  const record = context.containers.get(id)
  if (!record || !holdsAddresses(record, context.starting)) return []
  return record.endpoints.flatMap((endpoint) => {
    const network = context.networks.get(endpoint.network)
    const hasAddress = endpoint.ipAddress !== '' || endpoint.ipv6Address !== ''
    return network?.driver === 'overlay' && hasAddress ? [ownEndpoint(record, network, endpoint)] : []
  })
}

/** Makes true in the cluster what a container holds after it came, went, or got another name. */
export async function syncPlaces(context: ServiceContext, id: string): Promise<void> {
  if (!context.cluster.isConfigured) return
  const places = placesOf(context, id)
  const before = context.cluster.own().filter(({ container }) => container === id)
  const gone = before.filter(({ network }) => !places.some((place) => place.network === network))
  for (const { network } of gone) await context.cluster.release(network, id)
  // The way to hosts that only these shared a network with needs no keys any more.
  if (gone.length > 0)
    await withdraw(context, gone).catch((error: unknown) =>
      context.log.warn({ id, error: String(error) }, 'encryption not made true'),
    )
  for (const place of places)
    if (!before.some((own) => JSON.stringify(own) === JSON.stringify(place))) await context.cluster.claim(place)
}

/** Leads nowhere from encrypted networks that nobody here is on any more, and then takes their keys away. */
async function withdraw(context: ServiceContext, gone: readonly OwnEndpoint[]): Promise<void> {
  const used = new Set(context.cluster.own().map(({ network }) => network))
  const left = new Set(gone.map(({ network }) => network).filter((network) => !used.has(network)))
  for (const network of overlays(context))
    if (left.has(network.id) && isEncrypted(network)) await context.network.setPeers(network, [])
  await refreshEncryption(context)
}

/** Makes an overlay network's devices on this host, leading to where its other containers are. */
export async function ensureOverlay(context: ServiceContext, network: NetworkRecord): Promise<void> {
  await context.network.ensure(network)
  await lead(context, network)
}

/** Leads a network to its other containers; devices that somebody took away are made again. */
export async function refreshPeers(context: ServiceContext, network: NetworkRecord): Promise<void> {
  await lead(context, network).catch(() => ensureOverlay(context, network))
}

/** Hosts that the way is encrypted to, as this engine has set it last. */
const encryptedTo = new WeakMap<ServiceContext, ReadonlySet<string>>()

/** Nothing is led along a way before its keys are there, nor when they are about to go. */
async function lead(context: ServiceContext, network: NetworkRecord): Promise<void> {
  const peers = peersOf(context, network)
  if (isEncrypted(network)) {
    const hosts = encryptedTo.get(context)
    if (hosts) {
      const safe = peers.filter(({ host }) => hosts.has(host))
      await context.network.setPeers(network, safe)
    }
    await refreshEncryption(context, network.id)
  }
  await context.network.setPeers(network, peers)
}

/** Containers elsewhere; none of an encrypted network while there is no key. */
function peersOf(context: ServiceContext, network: NetworkRecord) {
  if (isEncrypted(network) && context.cluster.encryptionKey() === '') return []
  return remotesOf(context, network).map(({ mac, ipv4, ipv6, hostAddress }) => ({
    mac,
    addresses: [ipv4, ipv6].filter(Boolean),
    host: hostAddress,
  }))
}

/**
 * Encrypts the way to every host that shares an encrypted network with a container here. `joining`: a network that a
 * container here is about to join.
 */
export async function refreshEncryption(context: ServiceContext, joining = ''): Promise<void> {
  const encrypted = overlays(context).filter(isEncrypted)
  const self = context.cluster.self()
  const key = context.cluster.encryptionKey()
  if (!self) return
  const own = new Set([joining, ...context.cluster.own().map(({ network }) => network)])
  const shared = encrypted.filter(({ id }) => own.has(id))
  const hosts = new Set(shared.flatMap((network) => remotesOf(context, network).map(({ host }) => host)))
  const peers = context.cluster.hosts().filter(({ id, value }) => hosts.has(id) && value.address !== self.value.address)
  const derived = key
    ? peers.map(({ id, value }) => deriveEncryption(key, { id: self.id, ...self.value }, { id, ...value }))
    : []
  await context.network.setEncryption({ local: self.value.address, vnis: encrypted.map(vniOf), peers: derived })
  encryptedTo.set(context, new Set(derived.map(({ host }) => host)))
}
