import type { ContainerSummary } from '../../../engine/contract/container.ts'
import type { MachineNetwork, NetworkSummary } from '../../../engine/contract/network.ts'
import {
  buildEdges,
  type GraphEdge,
  HOST,
  isAlive,
  isEverywhere,
  isOpen,
  isPublished,
  OUTSIDE,
  sharedWith,
} from './edges.ts'

const PROJECT_LABEL = 'com.docker.compose.project'
/** Drivers whose containers can reach beyond this machine, when the network is not internal. */
const OUTGOING = new Set(['bridge', 'host', 'macvlan', 'ipvlan', 'overlay'])

export interface OutsideNode {
  readonly kind: 'outside'
  readonly id: 'outside'
}
/** This machine. */
export interface HostNode {
  readonly kind: 'host'
  readonly id: 'host'
  readonly machine: MachineNetwork
}
export interface NetworkNode {
  readonly kind: 'network'
  readonly id: string
  readonly network: NetworkSummary
  readonly hints: readonly Hint[]
}
export interface ContainerNode {
  readonly kind: 'container'
  readonly id: string
  readonly container: ContainerSummary
  readonly hints: readonly Hint[]
}
/** The containers of a Compose project, shown as one. */
export interface ProjectNode {
  readonly kind: 'project'
  readonly id: string
  readonly name: string
  readonly containers: readonly ContainerSummary[]
}
export type GraphNode = OutsideNode | HostNode | NetworkNode | ContainerNode | ProjectNode
/** What a person should know: a text of the dictionary below `topology.hints`. */
export type Hint = 'noNames' | 'allAddresses'

export interface Graph {
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
}
export interface GraphOptions {
  readonly show: 'all' | 'exposed' | 'outgoing'
  /** Names of the Compose projects that are shown as one node. */
  readonly collapsed: ReadonlySet<string>
  /** Not known yet: without a name. */
  readonly machine?: MachineNetwork | undefined
}

/** The Compose project of a container, or `''`. */
export const projectOf = ({ labels }: ContainerSummary): string => labels[PROJECT_LABEL] ?? ''

/** What is connected with what: this machine, networks, containers, published ports, shared networks and links. */
export function buildGraph(
  containers: readonly ContainerSummary[],
  networks: readonly NetworkSummary[],
  options: GraphOptions,
): Graph {
  const wanted = containers.filter((container) => isWanted(container, { containers, networks, show: options.show }))
  const nodeOf = (container: ContainerSummary) =>
    options.collapsed.has(projectOf(container)) ? `project:${projectOf(container)}` : container.id
  const shown = new Map(wanted.map((container) => [container.id, container]))
  const used =
    options.show === 'all'
      ? networks.filter(({ subnet, endpoints }) => subnet !== '' || endpoints.length > 0)
      : networks.filter(({ endpoints }) => endpoints.some((one) => shown.has(one.containerId)))
  if (wanted.length === 0 && used.length === 0) return { nodes: [], edges: [] }
  const edges = buildEdges(wanted, used, nodeOf)
  const nodes: GraphNode[] = [
    { kind: 'outside', id: OUTSIDE },
    { kind: 'host', id: HOST, machine: options.machine ?? { hostname: '', interfaces: [] } },
    ...used.map((network): NetworkNode => ({ kind: 'network', id: network.id, network, hints: networkHints(network) })),
    ...projectNodes(wanted, options.collapsed),
    ...wanted
      .filter((container) => nodeOf(container) === container.id)
      .map(
        (container): ContainerNode => ({
          kind: 'container',
          id: container.id,
          container,
          hints: containerHints(container),
        }),
      ),
  ]
  return { nodes, edges }
}

/** Whether others than this machine can reach a container: by a published port, or by the host's own addresses. */
export const isExposed = ({ ports, status, networkMode }: ContainerSummary): boolean =>
  isAlive(status) && (networkMode === 'host' || ports.some((port) => isPublished(port) && isOpen(port)))

function canGoOut(container: ContainerSummary, networks: readonly NetworkSummary[]): boolean {
  if (container.networkMode === 'host') return true
  return networks.some(
    (network) =>
      !network.isInternal &&
      OUTGOING.has(network.driver) &&
      network.endpoints.some(({ containerId }) => containerId === container.id),
  )
}

interface Choice {
  readonly containers: readonly ContainerSummary[]
  readonly networks: readonly NetworkSummary[]
  readonly show: GraphOptions['show']
}

/** A container on another's network has no ports and endpoints of its own: it is reached, and goes out, as that one. */
function isWanted(container: ContainerSummary, { containers, networks, show }: Choice): boolean {
  switch (show) {
    case 'all':
      return true
    case 'exposed':
      return isAlive(container.status) && isExposed(networkOwner(container, containers))
    case 'outgoing':
      return canGoOut(networkOwner(container, containers), networks)
  }
}

/** The container whose network a container is on: itself, or the one at the end of `container:`. */
function networkOwner(container: ContainerSummary, all: readonly ContainerSummary[]): ContainerSummary {
  const seen = new Set<ContainerSummary>()
  let owner = container
  for (let next: ContainerSummary | undefined = owner; next && !seen.has(next); next = sharedWith(next, all)) {
    seen.add(next)
    owner = next
  }
  return owner
}

function projectNodes(containers: readonly ContainerSummary[], collapsed: ReadonlySet<string>): ProjectNode[] {
  return [...collapsed].flatMap((name) => {
    const members = containers.filter((container) => projectOf(container) === name)
    return name && members.length > 0
      ? [{ kind: 'project' as const, id: `project:${name}`, name, containers: members }]
      : []
  })
}

/** The default network gives no names; it matters as soon as two containers could use them. */
const networkHints = ({ name, driver, endpoints }: NetworkSummary): Hint[] =>
  name === 'bridge' && driver === 'bridge' && endpoints.filter(({ isRunning }) => isRunning).length > 1
    ? ['noNames']
    : []

const containerHints = (container: ContainerSummary): Hint[] =>
  isAlive(container.status) && container.ports.some((port) => isPublished(port) && isEverywhere(port))
    ? ['allAddresses']
    : []
