import ELK from 'elkjs/lib/elk-api.js'
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

/** The outside stands above this machine, so that it takes no column of its own. */
const ABOVE_HOST = 64

const OPTIONS = {
  'elk.algorithm': 'layered',
  'elk.direction': 'RIGHT',
  'elk.layered.spacing.nodeNodeBetweenLayers': '210',
  'elk.spacing.nodeNode': '22',
  'elk.layered.crossingMinimization.strategy': 'LAYER_SWEEP',
  'elk.separateConnectedComponents': 'false',
  'elk.partitioning.activate': 'true',
}
let elk: InstanceType<typeof ELK> | undefined

/** Places for every node, found in a worker so that the window goes on drawing. */
export async function layOut({ nodes, edges }: Graph): Promise<ReadonlyMap<string, Place>> {
  elk ??= new ELK({ workerFactory: () => new Worker(workerUrl) })
  const laid = await elk.layout({
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
  })
  const places = new Map(laid.children?.map(({ id, x = 0, y = 0 }) => [id, { x, y }]))
  const { x, y } = places.get(HOST) ?? { x: 0, y: 0 }
  return places.set(OUTSIDE, { x, y: y - NODE_SIZE.outside.height - ABOVE_HOST })
}

const isLaidOut = ({ kind }: GraphNode) => kind !== 'outside'

/** From left to right: this machine, networks, containers, and those that share another's network. */
function columnOf(node: GraphNode): number {
  switch (node.kind) {
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
