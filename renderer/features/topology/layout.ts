import ELK from 'elkjs/lib/elk-api.js'
import workerUrl from 'elkjs/lib/elk-worker.min.js?url'
import type { Graph, GraphNode } from './graph.ts'

/** Pixels. The nodes are drawn in exactly these. */
export const NODE_SIZE: Readonly<Record<GraphNode['kind'], { readonly width: number; readonly height: number }>> = {
  outside: { width: 190, height: 56 },
  network: { width: 210, height: 72 },
  container: { width: 220, height: 72 },
  project: { width: 220, height: 56 },
}
export interface Place {
  readonly x: number
  readonly y: number
}

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
    children: nodes.map((node) => ({
      id: node.id,
      ...NODE_SIZE[node.kind],
      layoutOptions: { 'elk.partitioning.partition': String(columnOf(node)) },
    })),
    edges: edges
      .filter(({ kind }) => kind !== 'link')
      .map(({ id, source, target }) => ({ id, sources: [source], targets: [target] })),
  })
  return new Map(laid.children?.map(({ id, x = 0, y = 0 }) => [id, { x, y }]))
}

/** From left to right: the outside, networks, containers, and those that share another's network. */
function columnOf(node: GraphNode): number {
  switch (node.kind) {
    case 'outside':
      return 0
    case 'network':
      return 1
    case 'project':
      return 2
    case 'container':
      return node.container.networkMode.startsWith('container:') ? 3 : 2
  }
}
