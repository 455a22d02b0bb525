import { isIPv6 } from 'node:net'
import type { ReachWay } from '../../../contract/reach.ts'
import { isBridged, type Member } from '../../../network/driver.ts'
import { type End, isSameNamespace } from './ends.ts'

/** A way that may be there: where the first container would connect to. */
export interface Candidate {
  readonly kind: ReachWay['kind']
  readonly address: string
  /** The places of both that it leads through; absent where a namespace has none. */
  readonly via?: Member | undefined
  readonly target?: Member | undefined
  /** On a published way: the host's port for a container's. */
  readonly published?: readonly { readonly protocol: 'tcp' | 'udp'; readonly port: number; readonly to: number }[]
}

/** What of the machine matters: how the engine runs, and by which address containers reach the machine. */
export interface MachineView {
  readonly isRootless: boolean
  readonly hostAddress: string
}

const WILDCARDS: ReadonlySet<string> = new Set(['', '0.0.0.0'])
const LOOPBACK = '127.0.0.1'

/** Every address by which one container may reach another. */
export function listCandidates(a: End, b: End, machine: MachineView): readonly Candidate[] {
  if (isSameNamespace(a, b)) return [{ kind: 'same', address: LOOPBACK }]
  if (b.isOnHost) return toHost(a, machine)
  return [...shared(a, b), ...apart(a, b, machine), ...published(a, b, machine)]
}

const addressesOf = ({ endpoint }: Member) => [endpoint.ipAddress, endpoint.ipv6Address].filter(Boolean)
const hasFamily = (member: Member, address: string) =>
  (isIPv6(address) ? member.endpoint.ipv6Address : member.endpoint.ipAddress) !== ''

function shared(a: End, b: End): Candidate[] {
  return b.members.flatMap((target) => {
    const via = a.members.find(({ network }) => network.name === target.network.name)
    if (!via) return []
    return addressesOf(target)
      .filter((address) => hasFamily(via, address))
      .map((address): Candidate => ({ kind: 'network', address, via, target }))
  })
}

/** Networks of the second that the first is not on. The rules of the machine say whether it comes there. */
function apart(a: End, b: End, { isRootless }: MachineView): Candidate[] {
  // Rootless, the machine's own network knows nothing of the bridges.
  if (a.isOnHost && isRootless) return []
  return b.members
    .filter((target) => !a.members.some(({ network }) => network.name === target.network.name))
    .flatMap((target) => addressesOf(target).map((address): Candidate => ({ kind: 'routed', address, target })))
}

function published(a: End, b: End, machine: MachineView): Candidate[] {
  const ways = new Map<string, Candidate & { published: { protocol: 'tcp' | 'udp'; port: number; to: number }[] }>()
  for (const { protocol, hostIp, hostPort, containerIp, containerPort } of b.owner.ports) {
    const address = hostAddressFor(a, hostIp, machine)
    const target = b.members.find((member) => addressesOf(member).includes(containerIp))
    // The probe speaks TCP and UDP.
    if (!address || hostPort === 0 || isIPv6(containerIp) || protocol === 'sctp') continue
    const way = ways.get(address) ?? { kind: 'published', address, via: defaultMember(a), target, published: [] }
    ways.set(address, way)
    if (!way.published.some((one) => one.port === hostPort && one.protocol === protocol))
      way.published.push({ protocol, port: hostPort, to: containerPort })
  }
  return [...ways.values()]
}

/** The address by which a container would ask for a port of the host's; `''` for none. */
function hostAddressFor(a: End, hostIp: string, { isRootless }: MachineView): string {
  if (isIPv6(hostIp)) return ''
  if (a.isOnHost) return WILDCARDS.has(hostIp) ? LOOPBACK : hostIp
  if (WILDCARDS.has(hostIp)) return defaultMember(a)?.network.ipv4?.gateway ?? ''
  // Loopback is each container's own; rootless, addresses of the machine are not in the namespace of the bridges.
  return hostIp.startsWith('127.') || isRootless ? '' : hostIp
}

/** The place whose bridge a container's packets to elsewhere come by. */
const defaultMember = ({ members }: End): Member | undefined =>
  members.find(({ endpoint, network }) => endpoint.gateway && isBridged(network)) ??
  members.find(({ network }) => isBridged(network))

function toHost(a: End, { isRootless, hostAddress }: MachineView): Candidate[] {
  const via = defaultMember(a)
  const address = isRootless ? hostAddress : (via?.network.ipv4?.gateway ?? '')
  return via && address ? [{ kind: 'host', address, via }] : []
}
