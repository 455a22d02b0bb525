import type { Edge } from '@xyflow/react'
import i18next from 'i18next'
import { formatBytes } from '../../lib/format.ts'
import type { Graph } from './graph.ts'
import { type Layout, NODE_SIZE, type Place } from './layout.ts'
import { type FlowNode, nameOf, titleOf } from './nodes.tsx'
import { countConnections, type Live, measure, type Rate } from './rates.ts'

/** Widest stroke, for 100 MB/s and above; each factor of ten below is thinner. */
const WIDEST = 6
const SHOWN_LABELS = 3
const NO_LANES: ReadonlyMap<string, Place> = new Map()

/** Nodes as the picture draws them: where the user put them, else where the layout did. */
export function toFlowNodes({ nodes }: Graph, laid: Layout, places: Readonly<Record<string, Place>>): FlowNode[] {
  return nodes.map((of) => ({
    id: of.id,
    type: 'topology',
    data: { of },
    ariaLabel: titleOf(of),
    position: places[placeKey(of)] ?? laid.places.get(of.id) ?? { x: 0, y: 0 },
    ...NODE_SIZE[of.kind],
    connectable: false,
    deletable: false,
  }))
}

/** The ways that still hold: those between two nodes that are where the layout has put them. */
export function lanesOf(
  { nodes, edges }: Graph,
  laid: Layout | null,
  places: Readonly<Record<string, Place>>,
): ReadonlyMap<string, Place> {
  const moved = new Set(nodes.filter((of) => placeKey(of) in places).map(({ id }) => id))
  const held = edges.filter(({ source, target }) => !moved.has(source) && !moved.has(target))
  return new Map(
    held.flatMap(({ id }) => {
      const lane = laid?.lanes.get(id)
      return lane ? [[id, lane] as const] : []
    }),
  )
}

/** What a node's place is kept under. */
export const placeKey = (of: Graph['nodes'][number]): string => `${of.kind}:${nameOf(of)}`

/** How edges are drawn: those before where nothing changed, and with labels where they can be read. */
interface Drawing {
  readonly before?: readonly Edge[]
  readonly hasDetail?: boolean
  /** Ways of edges between nodes that nobody has moved. */
  readonly lanes?: ReadonlyMap<string, Place>
}

/** Edges with what flows through them now. Those that look as before are the same objects, which are not drawn again. */
export function toFlowEdges(
  graph: Graph,
  live: Live,
  { before = [], hasDetail = true, lanes = NO_LANES }: Drawing = {},
): Edge[] {
  const known = new Map(before.map((edge) => [edge.id, edge]))
  // From afar a fan of lines to every network says nothing, and costs a pan its frames.
  const shown = hasDetail ? graph.edges : graph.edges.filter(({ kind }) => kind !== 'attached')
  return shown.map((edge) => {
    const rate = measure(edge, live)
    const connections = formatConnections(countConnections(edge, live.traffic))
    const words = [shorten(edge.label), rate ? formatRate(rate) : '', connections]
    const label = hasDetail ? words.filter(Boolean).join('  ') : ''
    const strokeWidth = rate ? strokeOf(rate) : 1.5
    const old = known.get(edge.id)
    const lane = lanes.get(edge.id)
    const isSame = old && old.label === label && old.style?.strokeWidth === strokeWidth && old.data?.['lane'] === lane
    if (isSame) return old
    return {
      id: edge.id,
      source: edge.source,
      target: edge.target,
      label,
      className: `topo-edge topo-edge-${edge.kind}`,
      type: lane ? 'lane' : edge.kind === 'link' ? 'smoothstep' : 'default',
      ...(lane ? { data: { lane } } : {}),
      style: { strokeWidth },
      focusable: false,
      deletable: false,
    }
  })
}

/** Of many ports the first: the pane and the table have them all. */
export function shorten(label: string): string {
  const parts = label.split(', ')
  return parts.length > SHOWN_LABELS + 1
    ? `${parts.slice(0, SHOWN_LABELS).join(', ')} +${parts.length - SHOWN_LABELS}`
    : label
}

const formatConnections = (count: number): string => (count > 0 ? i18next.t('topology.connections', { count }) : '')

/** `↓ 1.2 kB/s ↑ 0 B/s`, as the container sees it; nothing while nothing flows. */
export function formatRate({ received, sent }: Rate): string {
  return received + sent < 1 ? '' : `↓ ${formatBytes(received)}/s ↑ ${formatBytes(sent)}/s`
}

/** In quarters of a pixel, so that a small change draws nothing anew. */
const strokeOf = ({ received, sent }: Rate): number =>
  Math.min(WIDEST, 1.5 + Math.round(Math.max(0, Math.log10(Math.max(1, received + sent)) - 2) * 3) / 4)
