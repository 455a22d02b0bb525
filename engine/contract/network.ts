import { z } from 'zod'
import { command, query, stream } from './define.ts'

/** Networks that are always there, and are neither made nor removed. */
export const PREDEFINED_NETWORKS: readonly string[] = ['bridge', 'host', 'none']

export const NetworkDriverName = z.enum(['bridge', 'host', 'none', 'macvlan', 'ipvlan', 'overlay'])
export type NetworkDriverName = z.output<typeof NetworkDriverName>

/** A network's full id, a unique prefix of it, or its name. */
export const NetworkRef = z.object({ id: z.string().min(1).max(255) })
const Labels = z.record(z.string(), z.string())

/** Addresses of one version. Empty texts let the engine choose. */
export const IpamPool = z.object({
  subnet: z.string().default(''),
  gateway: z.string().default(''),
  ipRange: z.string().default(''),
  auxiliary: Labels.default({}),
})
export type IpamPool = z.output<typeof IpamPool>

/** A network to make. `options` are the driver's, by Docker's names (`com.docker.network.bridge.name`, `parent`, …). */
export const CreateNetwork = z.object({
  name: z.string().min(1).max(255),
  driver: z.string().default('bridge'),
  pools: z.array(IpamPool).default([]),
  isInternal: z.boolean().default(false),
  enableIPv6: z.boolean().default(false),
  options: Labels.default({}),
  /** Of the address management; the one here has none, and keeps what it is given. */
  ipamOptions: Labels.default({}),
  labels: Labels.default({}),
})
export type CreateNetwork = z.output<typeof CreateNetwork>

/** How a container joins a network. Empty texts let the engine choose; the highest priority gives the default route. */
export const EndpointSpec = z.object({
  network: z.string().min(1),
  aliases: z.array(z.string()).default([]),
  ipAddress: z.string().default(''),
  ipv6Address: z.string().default(''),
  macAddress: z.string().default(''),
  /** `CONTAINER[:ALIAS]`: names that this container alone knows another by. */
  links: z.array(z.string()).default([]),
  priority: z.number().int().default(0),
})
export type EndpointSpec = z.output<typeof EndpointSpec>

/** Addresses that were asked for; empty where the engine chose. */
export const RequestedAddresses = z.object({ ipAddress: z.string().default(''), ipv6Address: z.string().default('') })

/** A container's place on a network. Gateways are empty where the network has none. */
export const EndpointDetail = z.object({
  network: z.string(),
  networkId: z.string(),
  interface: z.string(),
  ipAddress: z.string(),
  prefix: z.number(),
  gateway: z.string(),
  ipv6Address: z.string(),
  ipv6Prefix: z.number(),
  ipv6Gateway: z.string(),
  macAddress: z.string(),
  aliases: z.array(z.string()),
  dnsNames: z.array(z.string()),
  links: z.array(z.string()),
  priority: z.number().int(),
  requested: RequestedAddresses,
})
export type EndpointDetail = z.output<typeof EndpointDetail>

export const NetworkSummary = z.object({
  id: z.string(),
  name: z.string(),
  driver: z.string(),
  /** `global`: shared by the hosts of a cluster. */
  scope: z.enum(['local', 'global']),
  /** Other hosts with containers on it. */
  peers: z.array(z.object({ name: z.string(), address: z.string(), containers: z.array(z.string()) })),
  createdAt: z.string(),
  /** Bridge or parent interface; `''` for host and none. */
  interface: z.string(),
  subnet: z.string(),
  gateway: z.string(),
  ipRange: z.string(),
  ipv6Subnet: z.string(),
  ipv6Gateway: z.string(),
  auxiliary: Labels,
  isInternal: z.boolean(),
  enableIPv6: z.boolean(),
  options: Labels,
  ipamOptions: Labels,
  labels: Labels,
  endpoints: z.array(
    z.object({
      containerId: z.string(),
      name: z.string(),
      /** Inside the container. */
      interface: z.string(),
      ipAddress: z.string(),
      prefix: z.number(),
      ipv6Address: z.string(),
      ipv6Prefix: z.number(),
      macAddress: z.string(),
      isRunning: z.boolean(),
    }),
  ),
})
export type NetworkSummary = z.output<typeof NetworkSummary>

/** What the network `bridge` is made with. Empty texts and 0 let the engine choose. */
export const DefaultBridge = z.object({
  /** With the bridge's own address: `192.168.5.1/24`. */
  subnet: z.string().max(64).default(''),
  mtu: z.number().int().min(0).max(65_535).default(0),
  /** Whether containers on it reach each other. */
  isOpenWithin: z.boolean().default(true),
  /** Whether containers reach the outside by this machine's addresses. */
  masquerade: z.boolean().default(true),
  enableIPv6: z.boolean().default(false),
  ipv6Subnet: z.string().max(64).default(''),
})
export type DefaultBridge = z.output<typeof DefaultBridge>

const HostAddress = z.union([z.ipv4(), z.ipv6()])

/** What holds for all networks, and for the default one, as a person has set it. */
export const NetworkSettings = z.object({
  /** Where ports are published that name no address: `127.0.0.1` for this machine alone. */
  hostAddress: HostAddress.default('0.0.0.0'),
  bridge: DefaultBridge.prefault({}),
})
export type NetworkSettings = z.output<typeof NetworkSettings>

/** What is absent stays as it is. */
export const NetworkSettingsChange = z.object({
  hostAddress: HostAddress.optional(),
  bridge: DefaultBridge.optional(),
})
export type NetworkSettingsChange = z.output<typeof NetworkSettingsChange>

/** This machine as networks see it. */
export const MachineNetwork = z.object({
  hostname: z.string(),
  /** Those that others reach it by, with addresses and their prefixes (`192.168.1.20/24`). */
  interfaces: z.array(z.object({ name: z.string(), addresses: z.array(z.string()) })),
})
export type MachineNetwork = z.output<typeof MachineNetwork>

/** Rules of one chain, or elements of one set or map, as nft prints them. */
export const RuleGroup = z.object({
  /** `ip slipway-1a2b` */
  table: z.string(),
  kind: z.enum(['chain', 'set']),
  name: z.string(),
  /** Of a chain that packets come to by themselves: `filter hook forward priority 0; policy accept`. */
  hook: z.string(),
  lines: z.array(z.string()),
})
export type RuleGroup = z.output<typeof RuleGroup>

/** The kernel's rules of this moment that are about something; `null` where they cannot be read. */
export const LiveRules = z.object({
  atBridges: z.array(RuleGroup).nullable(),
  /** Of a container: all rules of its own namespace. */
  inside: z.array(RuleGroup).nullable(),
})
export type LiveRules = z.output<typeof LiveRules>

const Bytes = z.object({ received: z.number(), sent: z.number() })

/** What flows between containers and what is around them. Bytes are counters, which only grow unless they begin anew. */
export const TrafficSample = z.object({
  /** Milliseconds of a clock that never goes back. */
  time: z.number(),
  containers: z.array(
    z.object({
      id: z.string(),
      /** Established TCP connections, by the interface whose address they have. */
      interfaces: z.array(z.object({ name: z.string(), connections: z.number().int() })),
      /** Through its published ports, TCP and UDP, as it sees them; no bytes where the kernel cannot count them. */
      published: z.object({ connections: z.number().int(), bytes: Bytes.nullable() }),
    }),
  ),
  /** Between bridges and this machine, as the network sees it: received is what comes to its containers. */
  bridges: z.array(Bytes.extend({ networkId: z.string() })),
})
export type TrafficSample = z.output<typeof TrafficSample>

const Membership = NetworkRef.extend({ container: z.string().min(1) })

export const network = {
  list: query(z.object({}), z.array(NetworkSummary)),
  inspect: query(NetworkRef, NetworkSummary),
  create: command(CreateNetwork, z.object({ id: z.string(), warnings: z.array(z.string()) })),
  remove: command(NetworkRef, z.void()),
  /** Removes the networks of the user's that no container is on; answers with their names. */
  prune: command(z.object({ labels: z.array(z.string()).default([]) }), z.object({ removed: z.array(z.string()) })),
  connect: command(Membership.extend({ endpoint: EndpointSpec.omit({ network: true }).prefault({}) }), z.void()),
  /** Connections and bytes of every running container and bridge, once a second. */
  traffic: stream(z.object({}), TrafficSample, z.never()),
  disconnect: command(Membership.extend({ force: z.boolean().default(false) }), z.void()),
  machine: query(z.object({}), MachineNetwork),
  /** Rules about a network, or about a container. */
  rules: query(z.object({ of: z.enum(['network', 'container']), id: z.string().min(1) }), LiveRules),
  settings: query(z.object({}), NetworkSettings),
  /** Holds for containers that start from now on. */
  setSettings: command(NetworkSettingsChange, z.void()),
} as const
