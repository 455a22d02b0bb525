import type { ContainerSummary } from '../../../engine/contract/container.ts'
import type { NetworkSummary } from '../../../engine/contract/network.ts'

export interface GraphEdge {
  readonly id: string
  readonly kind: 'endpoint' | 'port' | 'shared' | 'link' | 'attached' | 'uplink'
  readonly source: string
  readonly target: string
  /** An address, a gateway, a parent interface, published ports or an alias; many of them with commas between. */
  readonly label: string
  /** The containers whose published ports this edge stands for. */
  readonly publishedBy: readonly string[]
  /** The containers' interfaces whose counters are together this edge's traffic. */
  readonly measured: readonly { readonly containerId: string; readonly interface: string }[]
  /** The networks whose bridge's counters are its traffic. */
  readonly bridges: readonly string[]
}
/** The node of this machine, and that of whatever is beyond it. */
export const HOST = 'host'
export const OUTSIDE = 'outside'
const GATEWAY_MODE = 'com.docker.network.bridge.gateway_mode_ipv4'
const INHIBIT_IPV4 = 'com.docker.network.bridge.inhibit_ipv4'
const LOOPBACK = /^(127\.|::1$)/
type Port = ContainerSummary['ports'][number]
type NodeOf = (container: ContainerSummary) => string

const ALIVE = new Set(['running', 'paused', 'restarting'])
const ALL_ADDRESSES = new Set(['', '0.0.0.0', '::'])

export const isAlive = (status: string): boolean => ALIVE.has(status)
export const isPublished = ({ hostPort }: Port): boolean => hostPort > 0
/** Whether others than this machine reach a published port. */
export const isOpen = ({ hostIp }: Port): boolean => !LOOPBACK.test(hostIp)
export const isEverywhere = ({ hostIp }: Port): boolean => ALL_ADDRESSES.has(hostIp)

/** What joins the nodes that containers are shown as. Edges between the same two, of the same kind, are one. */
export function buildEdges(
  containers: readonly ContainerSummary[],
  networks: readonly NetworkSummary[],
  nodeOf: NodeOf,
): GraphEdge[] {
  const alive = containers.filter(({ status }) => isAlive(status))
  return merge([
    ...uplinkEdges(alive),
    ...networks.flatMap(attachedEdges),
    ...endpointEdges(containers, networks, nodeOf),
    ...containers.flatMap((container) => [
      ...portEdges(container, nodeOf),
      ...hostEdges(container, nodeOf),
      ...sharedEdges(container, containers, nodeOf),
      ...linkEdges(container, containers, nodeOf),
    ]),
  ])
}

type Lists = 'publishedBy' | 'measured' | 'bridges'
type Part = Omit<GraphEdge, 'id' | Lists> & Partial<Pick<GraphEdge, Lists>>

function merge(parts: readonly Part[]): GraphEdge[] {
  const edges = new Map<string, GraphEdge>()
  for (const { publishedBy = [], measured = [], bridges = [], label, ...part } of parts) {
    if (part.source === part.target) continue
    const id = `${part.kind}:${part.source}:${part.target}`
    const old = edges.get(id)
    const labels = [...(old?.label.split(', ') ?? []), ...label.split(', ')].filter(Boolean)
    edges.set(id, {
      ...part,
      id,
      label: [...new Set(labels)].join(', '),
      publishedBy: [...(old?.publishedBy ?? []), ...publishedBy],
      measured: [...(old?.measured ?? []), ...measured],
      bridges: [...(old?.bridges ?? []), ...bridges],
    })
  }
  return [...edges.values()]
}

/** To other machines, by the ports that they can reach. */
function uplinkEdges(alive: readonly ContainerSummary[]): Part[] {
  const open = alive.flatMap(({ ports }) => ports.filter((port) => isPublished(port) && isOpen(port)))
  const label = open.map(({ hostPort, protocol }) => `${hostPort}${protocol === 'tcp' ? '' : `/${protocol}`}`)
  return [{ kind: 'uplink', source: OUTSIDE, target: HOST, label: label.join(', ') }]
}

/** A bridge by its gateway address, which is this machine's; children of a parent interface by that. */
function attachedEdges(network: NetworkSummary): Part[] {
  const { id, interface: link } = network
  if (!link) return []
  const end = { kind: 'attached' as const, source: HOST, target: id }
  return [isBridged(network) ? { ...end, label: hostAddressOf(network), bridges: [id] } : { ...end, label: link }]
}

/** Whether a network stands on a bridge of this machine. */
export const isBridged = ({ driver }: NetworkSummary): boolean => driver === 'bridge' || driver === 'overlay'

/** This machine's own address on a network: its gateway, unless that is somebody else. */
export function hostAddressOf(network: NetworkSummary): string {
  const { gateway, options } = network
  const isElsewhere = options[GATEWAY_MODE] === 'isolated' || /^(1|t|true)$/i.test(options[INHIBIT_IPV4] ?? '')
  return isBridged(network) && !isElsewhere ? gateway : ''
}

/** A container in the machine's own network. */
const hostEdges = (container: ContainerSummary, nodeOf: NodeOf): Part[] =>
  container.networkMode === 'host' ? [{ kind: 'attached', source: HOST, target: nodeOf(container), label: '' }] : []

/** A project is on its networks with many addresses: there it has no label. */
function endpointEdges(
  containers: readonly ContainerSummary[],
  networks: readonly NetworkSummary[],
  nodeOf: NodeOf,
): Part[] {
  const shown = new Map(containers.map((container) => [container.id, container]))
  return networks.flatMap((network) =>
    network.endpoints.flatMap((endpoint) => {
      const container = shown.get(endpoint.containerId)
      if (!container) return []
      const target = nodeOf(container)
      return [
        {
          kind: 'endpoint' as const,
          source: network.id,
          target,
          label: target === container.id ? endpoint.ipAddress : '',
          measured: [{ containerId: container.id, interface: endpoint.interface }],
        },
      ]
    }),
  )
}

function portEdges(container: ContainerSummary, nodeOf: NodeOf): Part[] {
  const published = container.ports.filter(isPublished)
  if (published.length === 0 || !isAlive(container.status)) return []
  return [
    {
      kind: 'port',
      source: HOST,
      target: nodeOf(container),
      label: published.map(nameOfPort).join(', '),
      publishedBy: [container.id],
    },
  ]
}

function nameOfPort(port: Port): string {
  const { hostIp, hostPort, containerPort, protocol } = port
  const host = isEverywhere(port) ? '' : `${hostIp}:`
  return `${host}${hostPort}→${containerPort}${protocol === 'tcp' ? '' : `/${protocol}`}`
}

function sharedEdges(container: ContainerSummary, all: readonly ContainerSummary[], nodeOf: NodeOf): Part[] {
  const owner = sharedWith(container, all)
  return owner ? [{ kind: 'shared', source: nodeOf(owner), target: nodeOf(container), label: '' }] : []
}

function linkEdges(container: ContainerSummary, all: readonly ContainerSummary[], nodeOf: NodeOf): Part[] {
  return container.links.flatMap((link) => {
    const [ref = '', alias = ref] = link.split(':')
    const other = findByRef(all, ref)
    return other ? [{ kind: 'link' as const, source: nodeOf(container), target: nodeOf(other), label: alias }] : []
  })
}

/** The container that one names as the owner of its network, if it does and that one is there. */
export function sharedWith(
  { networkMode }: ContainerSummary,
  all: readonly ContainerSummary[],
): ContainerSummary | undefined {
  const [mode, ref = ''] = networkMode.split(/:(.*)/s)
  return mode === 'container' ? findByRef(all, ref) : undefined
}

const findByRef = (containers: readonly ContainerSummary[], ref: string): ContainerSummary | undefined =>
  containers.find(({ id, name }) => name === ref || (ref.length >= 4 && id.startsWith(ref)))
