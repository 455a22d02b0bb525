import ELK, { type ElkEdgeSection, type ElkNode } from 'elkjs/lib/elk-api.js'
import workerUrl from 'elkjs/lib/elk-worker.min.js?url'
import { HOST, OUTSIDE } from './edges.ts'
import type { Graph, GraphNode } from './graph.ts'

/** Pixels. The nodes are drawn in exactly these. */
export const NODE_SIZE: Readonly<Record<GraphNode['kind'], { readonly width: number; readonly height: number }>> = {
  outside: { width: 210, height: 56 },
  host: { width: 210, height: 84 },
  network: { width: 210, height: 72 },
  container: { width: 220, height: 72 },
  project: { width: 220, height: 56 },
}
export interface Place {
  readonly x: number
  readonly y: number
}

/** Where things are; lanes are by edge: the middle of its way, where it passes a column between the nodes there. */
export interface Layout {
  readonly places: ReadonlyMap<string, Place>
  readonly lanes: ReadonlyMap<string, Place>
}

/** The outside stands above this machine, so that it takes no column of its own. */
const ABOVE_HOST = 64

const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'RIGHT',
  'elk.layered.spacing.nodeNodeBetweenLayers': '210',
  'elk.spacing.nodeNode': '22',
  'elk.spacing.edgeNode': '14',
  'elk.spacing.edgeEdge': '14',
  'elk.layered.crossingMinimization.strategy': 'LAYER_SWEEP',
  'elk.separateConnectedComponents': 'false',
  'elk.partitioning.activate': 'true',
}
let elk: InstanceType<typeof ELK> | undefined

/** Places for every node, and ways for what passes the networks, found in a worker so that the window goes on drawing. */
export async function layOut({ nodes, edges }: Graph): Promise<Layout> {
  elk ??= new ELK({ workerFactory: () => new Worker(workerUrl) })
  const root: ElkNode = {
    id: 'root',
    layoutOptions: OPTIONS,
    children: nodes.filter(isLaidOut).map((node) => ({
      id: node.id,
      ...NODE_SIZE[node.kind],
      layoutOptions: { 'elk.partitioning.partition': String(columnOf(node)) },
    })),
    edges: edges
      .filter(({ kind }) => kind !== 'link' && kind !== 'uplink')
      .map(({ id, source, target }) => ({ id, sources: [source], targets: [target] })),
  }
  const laid = await elk.layout(root)
  const places = new Map(laid.children?.map(({ id, x = 0, y = 0 }) => [id, { x, y }]))
  const { x, y } = places.get(HOST) ?? { x: 0, y: 0 }
  places.set(OUTSIDE, { x, y: y - NODE_SIZE.outside.height - ABOVE_HOST })
  const lanes = (laid.edges ?? []).flatMap(({ id, sources, targets, sections }) => {
    const passes = sources[0] === HOST && columnOf(nodes.find((node) => node.id === targets[0])) === 2
    const lane = passes && sections?.[0] && middleOf(sections[0])
    return lane ? [[id, lane] as const] : []
  })
  return { places, lanes: new Map(lanes) }
}

/** Ways are made of level and upright pieces: the level one in the middle. */
function middleOf({ startPoint, endPoint, bendPoints = [] }: ElkEdgeSection): Place | undefined {
  const points = [startPoint, ...bendPoints, endPoint]
  const x = (startPoint.x + endPoint.x) / 2
  const index = points.findIndex((point, at) => at > 0 && point.x >= x && (points[at - 1]?.x ?? x) <= x)
  const [from, to] = [points[index - 1], points[index]]
  return from && to && Math.abs(from.y - to.y) < 1 ? { x, y: from.y } : undefined
}

const isLaidOut = ({ kind }: GraphNode) => kind !== 'outside'

/** From left to right: this machine, networks, containers, and those that share another's network. */
function columnOf(node: GraphNode | undefined): number {
  switch (node?.kind) {
    case undefined:
      return -1
    case 'outside':
    case 'host':
      return 0
    case 'network':
      return 1
    case 'project':
      return 2
    case 'container':
      return node.container.networkMode.startsWith('container:') ? 3 : 2
  }
}
