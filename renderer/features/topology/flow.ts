import type { Edge } from '@xyflow/react'
import i18next from 'i18next'
import type { StatsSample } from '../../../engine/contract/container.ts'
import type { ConnectionSample } from '../../../engine/contract/network.ts'
import { formatBytes } from '../../lib/format.ts'
import type { Graph, GraphEdge } from './graph.ts'
import { NODE_SIZE, type Place } from './layout.ts'
import { type FlowNode, nameOf, titleOf } from './nodes.tsx'
import { type Rate, rateOf } from './rates.ts'

/** Widest stroke, for 100 MB/s and above; each factor of ten below is thinner. */
const WIDEST = 6

/** Nodes as the picture draws them: where the user put them, else where the layout did. */
export function toFlowNodes(
  { nodes }: Graph,
  laid: ReadonlyMap<string, Place>,
  places: Readonly<Record<string, Place>>,
): FlowNode[] {
  return nodes.map((of) => ({
    id: of.id,
    type: 'topology',
    data: { of },
    ariaLabel: titleOf(of),
    position: places[placeKey(of)] ?? laid.get(of.id) ?? { x: 0, y: 0 },
    ...NODE_SIZE[of.kind],
    connectable: false,
    deletable: false,
  }))
}

/** What a node's place is kept under. */
export const placeKey = (of: Graph['nodes'][number]): string => `${of.kind}:${nameOf(of)}`

/** What is measured now. */
export interface Live {
  readonly history: ReadonlyMap<string, readonly StatsSample[]>
  readonly connections: ReadonlyMap<string, ConnectionSample>
}

/** How edges are drawn: those before where nothing changed, and with labels where they can be read. */
interface Drawing {
  readonly before?: readonly Edge[]
  readonly hasDetail?: boolean
}

/** Edges with what flows through them now. Those that look as before are the same objects, which are not drawn again. */
export function toFlowEdges(graph: Graph, live: Live, { before = [], hasDetail = true }: Drawing = {}): Edge[] {
  const known = new Map(before.map((edge) => [edge.id, edge]))
  return graph.edges.map((edge) => {
    const rate = measure(edge, live.history)
    const words = [edge.label, rate ? formatRate(rate) : '', formatConnections(edge, live.connections)]
    const label = hasDetail ? words.filter(Boolean).join('  ') : ''
    const strokeWidth = rate ? strokeOf(rate) : 1.5
    const old = known.get(edge.id)
    if (old && old.label === label && old.style?.strokeWidth === strokeWidth && old.target === edge.target) return old
    return {
      id: edge.id,
      source: edge.source,
      target: edge.target,
      label,
      className: `topo-edge topo-edge-${edge.kind}`,
      type: edge.kind === 'link' ? 'smoothstep' : 'default',
      style: { strokeWidth },
      focusable: false,
      deletable: false,
    }
  })
}

/** Connections of an edge: of the interface at its end, or through the published ports that it stands for. */
export function countConnections(
  { measured, publishedBy }: GraphEdge,
  connections: ReadonlyMap<string, ConnectionSample>,
): number {
  if (publishedBy) return connections.get(publishedBy)?.published ?? 0
  const sample = measured && connections.get(measured.containerId)
  return sample?.interfaces.find(({ name }) => name === measured?.interface)?.connections ?? 0
}

function formatConnections(edge: GraphEdge, connections: ReadonlyMap<string, ConnectionSample>): string {
  const count = countConnections(edge, connections)
  return count > 0 ? i18next.t('topology.connections', { count }) : ''
}

/** The rate of an edge, where one of our interfaces is at its end. */
export const measure = ({ measured }: GraphEdge, history: ReadonlyMap<string, readonly StatsSample[]>): Rate | null =>
  measured ? rateOf(history.get(measured.containerId), measured.interface) : null

/** `↓ 1.2 kB/s ↑ 0 B/s`, as the container sees it; nothing while nothing flows. */
export function formatRate({ received, sent }: Rate): string {
  return received + sent < 1 ? '' : `↓ ${formatBytes(received)}/s ↑ ${formatBytes(sent)}/s`
}

/** In quarters of a pixel, so that a small change draws nothing anew. */
const strokeOf = ({ received, sent }: Rate): number =>
  Math.min(WIDEST, 1.5 + Math.round(Math.max(0, Math.log10(Math.max(1, received + sent)) - 2) * 3) / 4)
