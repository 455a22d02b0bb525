import { useComputedColorScheme } from '@mantine/core'
import {
  Background,
  Controls,
  type Edge,
  type EdgeTypes,
  MiniMap,
  type NodeTypes,
  ReactFlow,
  useNodesState,
  useReactFlow,
} from '@xyflow/react'
import { useEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { reportFailure } from '../../state/activity.ts'
import { useReach } from '../../state/reach.ts'
import { useStats } from '../../state/stats.ts'
import { useTopology } from '../../state/topology.ts'
import { useTraffic } from '../../state/traffic.ts'
import { openContainer } from '../containers/actions.ts'
import type { MenuPlace } from '../containers/menu.tsx'
import { lanesOf, placeKey, toFlowEdges, toFlowNodes } from './flow.ts'
import type { Graph } from './graph.ts'
import { LaneEdge } from './lane-edge.tsx'
import { type Layout, layOut, type Place } from './layout.ts'
import { type FlowNode, TopologyNode, useDetail } from './nodes.tsx'

const NODE_TYPES: NodeTypes = { topology: TopologyNode }
const EDGE_TYPES: EdgeTypes = { lane: LaneEdge }
/** Above so many nodes the small map helps. */
const MAP_FROM = 30
const DOUBLE_CLICK_MS = 300
const EDGE_PX = 24

interface PictureProps {
  readonly graph: Graph
  /** The node that the pane beside is about, `''` without one. */
  readonly chosen: string
  readonly onChoose: (id: string) => void
  readonly onMenu: (place: MenuPlace) => void
}

/** The picture: drag to arrange, drop a container on a network to connect it, double-click to open it. */
export function Picture({ graph, chosen, onChoose, onMenu }: PictureProps) {
  const { t } = useTranslation()
  const { getIntersectingNodes, fitView } = useReactFlow<FlowNode>()
  const places = useTopology((state) => state.places)
  const place = useTopology((state) => state.place)
  const isWhole = useTopology((state) => state.isWhole)
  const history = useStats((state) => state.history)
  const traffic = useTraffic()
  const colorMode = useComputedColorScheme('light')
  const laid = useLayout(graph)
  const [nodes, setNodes, onNodesChange] = useNodesState<FlowNode>([])
  const isFitted = useRef(false)
  useEffect(() => {
    if (!laid) return
    setNodes((old) => {
      const chosen = new Set(old.filter(({ selected }) => selected).map(({ id }) => id))
      return toFlowNodes(graph, laid, places).map((node) => ({ ...node, selected: chosen.has(node.id) }))
    })
    if (isFitted.current) return
    isFitted.current = true
    requestAnimationFrame(() => void fitView({ maxZoom: 1, padding: 0.15 }))
  }, [graph, laid, places, setNodes, fitView])
  // The panel takes room from the picture: what is asked about should be in sight.
  const isAsking = useReach((state) => state.isOpen)
  useEffect(() => {
    if (isFitted.current) requestAnimationFrame(() => void fitView({ maxZoom: 1, padding: 0.15 }))
  }, [isAsking, fitView])
  const element = useKeptInSight(chosen)
  const hasDetail = useDetail()
  const drawn = useRef<readonly Edge[]>([])
  const lanes = useMemo(() => lanesOf(graph, laid, places), [graph, laid, places])
  const edges = useMemo(
    () => toFlowEdges(graph, { history, traffic }, { before: drawn.current, hasDetail, lanes }),
    [graph, history, traffic, hasDetail, lanes],
  )
  drawn.current = edges

  const drop = (node: FlowNode) => {
    const onto = getIntersectingNodes(node).find(({ data }) => data.of.kind === 'network')
    const { of } = node.data
    if (of.kind === 'container' && onto?.data.of.kind === 'network') {
      const { network } = onto.data.of
      // Back to its place: what joins the two from now on is an edge.
      setNodes((all) =>
        all.map((one) => (one.id === node.id ? { ...one, position: placeOf(node, laid, places) } : one)),
      )
      void api.network
        .connect({ id: network.id, container: of.container.id, endpoint: {} })
        .catch((error: unknown) => reportFailure(t('topology.connect', { name: network.name }), error))
    } else place(placeKey(of), node.position)
  }

  return (
    <div ref={element} className="topo" data-testid="topology">
      <ReactFlow
        nodes={nodes}
        edges={edges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onNodesChange={onNodesChange}
        onNodeClick={(event, { id, data }) => {
          const isPairing = event.shiftKey || event.ctrlKey || event.metaKey
          if (isPairing && data.of.kind === 'container') useReach.getState().add(id)
          else onChoose(id)
        }}
        multiSelectionKeyCode={null}
        selectionKeyCode={null}
        onPaneClick={() => onChoose('')}
        onNodeDoubleClick={(_event, { data }) => data.of.kind === 'container' && openContainer(data.of.container.id)}
        onNodeContextMenu={(event, { id }) => {
          event.preventDefault()
          onMenu({ x: event.clientX, y: event.clientY, id })
        }}
        onNodeDragStop={(_event, node) => drop(node)}
        colorMode={colorMode}
        minZoom={0.1}
        maxZoom={2}
        nodesConnectable={false}
        onlyRenderVisibleElements={!isWhole}
        zoomOnDoubleClick={false}
        deleteKeyCode={null}
        proOptions={{ hideAttribution: true }}
        ariaLabelConfig={{
          'controls.zoomIn.ariaLabel': t('topology.zoomIn'),
          'controls.zoomOut.ariaLabel': t('topology.zoomOut'),
          'controls.fitView.ariaLabel': t('topology.fit'),
          'controls.ariaLabel': t('topology.controls'),
          'minimap.ariaLabel': t('topology.map'),
          'node.a11yDescription.default': t('topology.nodeKeys'),
        }}
      >
        {hasDetail && <Background gap={20} />}
        <Controls showInteractive={false} />
        {nodes.length > MAP_FROM && <MiniMap pannable zoomable />}
      </ReactFlow>
    </div>
  )
}

/** The pane takes room from the picture: the node that it is about comes out from below it, once a second click has had its time. */
function useKeptInSight(id: string) {
  const element = useRef<HTMLDivElement>(null)
  const { getInternalNode, getViewport, setViewport } = useReactFlow<FlowNode>()
  useEffect(() => {
    const timer = setTimeout(() => {
      const node = getInternalNode(id)
      if (!node) return
      const { x, y, zoom } = getViewport()
      const right = x + (node.internals.positionAbsolute.x + (node.measured.width ?? 0)) * zoom
      const hidden = right + EDGE_PX - (element.current?.clientWidth ?? 0)
      if (hidden > 0) void setViewport({ x: x - hidden, y, zoom }, { duration: 200 })
    }, DOUBLE_CLICK_MS)
    return () => clearTimeout(timer)
  }, [id, getInternalNode, getViewport, setViewport])
  return element
}

function placeOf(node: FlowNode, laid: Layout | null, places: Readonly<Record<string, Place>>) {
  return places[placeKey(node.data.of)] ?? laid?.places.get(node.id) ?? node.position
}

/** The layout of a graph, made anew when nodes or edges come or go, not when only a state changes. */
function useLayout(graph: Graph): Layout | null {
  const [laid, setLaid] = useState<Layout | null>(null)
  const shape = [...graph.nodes, ...graph.edges].map(({ id }) => id).join(' ')
  const current = useRef(graph)
  current.current = graph
  useEffect(() => {
    let isWanted = true
    void layOut(current.current).then((places) => isWanted && setLaid(places))
    return () => {
      isWanted = false
    }
  }, [shape])
  return laid
}
