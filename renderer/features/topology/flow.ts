import type { Edge } from '@xyflow/react'
import type { StatsSample } from '../../../engine/contract/container.ts'
import { formatBytes } from '../../lib/format.ts'
import type { Graph, GraphEdge } from './graph.ts'
import { NODE_SIZE, type Place } from './layout.ts'
import { type FlowNode, nameOf } from './nodes.tsx'
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
    position: places[placeKey(of)] ?? laid.get(of.id) ?? { x: 0, y: 0 },
    ...NODE_SIZE[of.kind],
    connectable: false,
    deletable: false,
  }))
}

/** What a node's place is kept under. */
export const placeKey = (of: Graph['nodes'][number]): string => `${of.kind}:${nameOf(of)}`

/** Edges with what flows through them now. */
export function toFlowEdges(graph: Graph, history: ReadonlyMap<string, readonly StatsSample[]>): Edge[] {
  return graph.edges.map((edge) => {
    const rate = measure(edge, history)
    const words = [edge.label, rate ? formatRate(rate) : ''].filter(Boolean).join('  ')
    return {
      id: edge.id,
      source: edge.source,
      target: edge.target,
      label: words,
      className: `topo-edge topo-edge-${edge.kind}`,
      type: edge.kind === 'link' ? 'smoothstep' : 'default',
      style: { strokeWidth: rate ? strokeOf(rate) : 1.5 },
      focusable: false,
      deletable: false,
    }
  })
}

/** The rate of an edge, where one of our interfaces is at its end. */
export const measure = ({ measured }: GraphEdge, history: ReadonlyMap<string, readonly StatsSample[]>): Rate | null =>
  measured ? rateOf(history.get(measured.containerId), measured.interface) : null

/** `↓ 1.2 kB/s ↑ 0 B/s`, as the container sees it; nothing while nothing flows. */
export function formatRate({ received, sent }: Rate): string {
  return received + sent < 1 ? '' : `↓ ${formatBytes(received)}/s ↑ ${formatBytes(sent)}/s`
}

const strokeOf = ({ received, sent }: Rate): number =>
  Math.min(WIDEST, 1.5 + Math.max(0, Math.log10(Math.max(1, received + sent)) - 2) * 0.75)
