import { z } from 'zod'

/*
 * What engines share in etcd, all of it JSON:
 *
 *   /slipway/v1/
 *     revision                              touched by whoever adds or removes a network, so that of two who add at
 *                                           once one sees the other's first
 *     encryption-key                        what the keys of encrypted networks are derived from
 *     networks/<network>                    a network as every host makes it
 *     hosts/<host>               (lease)    who is here, and where VXLAN packets for it go
 *     addresses/<network>/<ip>   (lease)    who has an address; made only where there is none
 *     endpoints/<network>/<container> (lease)   what others need to reach a container and to name it
 *
 * A lease is one host's: with it goes everything that the host had. Nothing read here is trusted: the values go into
 * commands of the kernel's tools, so each must be just what it should be.
 */
export const PREFIX = '/slipway/v1/'
export const GUARD_KEY = `${PREFIX}revision`
export const ENCRYPTION_KEY = `${PREFIX}encryption-key`
export const networkKey = (network: string): string => `${PREFIX}networks/${network}`
export const hostKey = (host: string): string => `${PREFIX}hosts/${host}`
export const addressKey = (network: string, address: string): string => `${PREFIX}addresses/${network}/${address}`
export const endpointKey = (network: string, container: string): string => `${PREFIX}endpoints/${network}/${container}`

const Address = z.union([z.ipv4(), z.ipv6()])
const Id = z.string().regex(/^[0-9a-f]{64}$/)
const HostId = z.string().regex(/^[0-9a-f]{16}$/)
const Name = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,252}$/)
/** Of one card: neither zero nor a group's, which the kernel refuses. */
const Mac = z.string().regex(/^(?!00(:00){5}$)[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/)
const Texts = z.record(z.string(), z.string())

const Pool4 = z.object({
  subnet: z.cidrv4(),
  gateway: z.ipv4(),
  ipRange: z.union([z.cidrv4(), z.literal('')]),
  auxiliaryNames: z.record(z.string(), z.ipv4()),
})
const Pool6 = z.object({
  subnet: z.cidrv6(),
  gateway: z.ipv6(),
  ipRange: z.union([z.cidrv6(), z.literal('')]),
  auxiliaryNames: z.record(z.string(), z.ipv6()),
})

/** A network that every host of the cluster can make. */
export const ClusterNetwork = z.object({
  id: Id,
  name: Name,
  createdAt: z.string(),
  /** VXLAN network identifier. */
  vni: z.number().int().min(1).max(0xfffffe),
  ipv4: Pool4.nullable(),
  ipv6: Pool6.nullable(),
  isInternal: z.boolean(),
  isEncrypted: z.boolean(),
  options: Texts,
  ipamOptions: Texts.optional(),
  labels: Texts,
})
export type ClusterNetwork = z.output<typeof ClusterNetwork>

/** An engine's machine. `boot` changes when it is started anew. */
export const ClusterHost = z.object({ name: Name, address: Address, boot: z.string().max(64) })
export type ClusterHost = z.output<typeof ClusterHost>

/** Who has an address. */
export const ClusterAddress = z.object({ host: HostId, container: Id })
export type ClusterAddress = z.output<typeof ClusterAddress>

/** A port as a container exposes it: `80/tcp`. */
export const SERVICE_PORT = /^\d{1,5}\/(tcp|udp|sctp)$/
/** Ports of an endpoint that the others are told of. */
export const MOST_PORTS = 256

/** A container on a network. Addresses are empty where the network has none of that version. */
export const ClusterEndpoint = z.object({
  host: HostId,
  name: Name,
  ipv4: z.union([z.ipv4(), z.literal('')]),
  ipv6: z.union([z.ipv6(), z.literal('')]),
  mac: Mac,
  names: z.array(Name).max(64),
  /** What it says it listens on, for questions for its services; engines of before do not tell. */
  ports: z.array(z.string().regex(SERVICE_PORT)).max(MOST_PORTS).optional(),
})
export type ClusterEndpoint = z.output<typeof ClusterEndpoint>

/** A value under our prefix, understood. */
export type Entry =
  | { readonly kind: 'network'; readonly network: string; readonly value: ClusterNetwork }
  | { readonly kind: 'host'; readonly host: string; readonly value: ClusterHost }
  | { readonly kind: 'address'; readonly network: string; readonly address: string; readonly value: ClusterAddress }
  | { readonly kind: 'endpoint'; readonly network: string; readonly container: string; readonly value: ClusterEndpoint }
  | { readonly kind: 'encryption'; readonly value: string }
  | { readonly kind: 'guard' }

/** Reads one key and its value; throws when either is not as it should be. */
export function parseEntry(key: string, text: string): Entry {
  if (key === GUARD_KEY) return { kind: 'guard' }
  if (key === ENCRYPTION_KEY)
    return {
      kind: 'encryption',
      value: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .parse(text),
    }
  const [kind, first = '', second, rest] = key.slice(PREFIX.length).split('/')
  if (rest !== undefined) throw new Error('unknown key')
  const json: unknown = JSON.parse(text)
  if (kind === 'hosts' && second === undefined)
    return { kind: 'host', host: HostId.parse(first), value: ClusterHost.parse(json) }
  const network = Id.parse(first)
  if (kind === 'networks' && second === undefined) {
    const value = ClusterNetwork.parse(json)
    if (value.id !== network || !(value.ipv4 || value.ipv6)) throw new Error('not the network of its key')
    return { kind: 'network', network, value }
  }
  if (kind === 'addresses')
    return { kind: 'address', network, address: Address.parse(second), value: ClusterAddress.parse(json) }
  if (kind === 'endpoints')
    return { kind: 'endpoint', network, container: Id.parse(second), value: ClusterEndpoint.parse(json) }
  throw new Error('unknown key')
}
