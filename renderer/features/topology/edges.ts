import type { ContainerSummary } from '../../../engine/contract/container.ts'
import type { NetworkSummary } from '../../../engine/contract/network.ts'

export interface GraphEdge {
  readonly id: string
  readonly kind: 'endpoint' | 'port' | 'shared' | 'link'
  readonly source: string
  readonly target: string
  /** An address, a published port or an alias; many of them with commas between. */
  readonly label: string
  /** The containers whose published ports this edge stands for. */
  readonly publishedBy: readonly string[]
  /** The containers' interfaces whose counters are together this edge's traffic. */
  readonly measured: readonly { readonly containerId: string; readonly interface: string }[]
}
type Port = ContainerSummary['ports'][number]
type NodeOf = (container: ContainerSummary) => string

const ALIVE = new Set(['running', 'paused', 'restarting'])
const ALL_ADDRESSES = new Set(['', '0.0.0.0', '::'])

export const isAlive = (status: string): boolean => ALIVE.has(status)
export const isPublished = ({ hostPort }: Port): boolean => hostPort > 0
export const isEverywhere = ({ hostIp }: Port): boolean => ALL_ADDRESSES.has(hostIp)

/** What joins the nodes that containers are shown as. Edges between the same two, of the same kind, are one. */
export function buildEdges(
  containers: readonly ContainerSummary[],
  networks: readonly NetworkSummary[],
  nodeOf: NodeOf,
): GraphEdge[] {
  return merge([
    ...endpointEdges(containers, networks, nodeOf),
    ...containers.flatMap((container) => [
      ...portEdges(container, nodeOf),
      ...sharedEdges(container, containers, nodeOf),
      ...linkEdges(container, containers, nodeOf),
    ]),
  ])
}

type Part = Omit<GraphEdge, 'id' | 'publishedBy' | 'measured'> & Partial<Pick<GraphEdge, 'publishedBy' | 'measured'>>

function merge(parts: readonly Part[]): GraphEdge[] {
  const edges = new Map<string, GraphEdge>()
  for (const { publishedBy = [], measured = [], label, ...part } of parts) {
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
    })
  }
  return [...edges.values()]
}

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
      source: 'outside',
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
