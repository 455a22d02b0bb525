import {
  IconAlertTriangle,
  IconBox,
  IconDeviceDesktop,
  IconLayersSubtract,
  IconNetwork,
  IconWorld,
} from '@tabler/icons-react'
import { type Node, type NodeProps, type ReactFlowState, useStore } from '@xyflow/react'
import i18next from 'i18next'
import { memo } from 'react'
import { useTranslation } from 'react-i18next'
import { lookOf, Status } from '../../components/status.tsx'
import { useReach } from '../../state/reach.ts'
import { useTopology } from '../../state/topology.ts'
import type { ContainerNode, GraphNode, Hint, HostNode, NetworkNode, ProjectNode } from './graph.ts'

/** A node of the picture: what it stands for is its data. */
export type FlowNode = Node<{ readonly of: GraphNode }, 'topology'>

/** Below this zoom no text can be read. */
const FAR_ZOOM = 0.25
const isNear = ({ transform }: ReactFlowState): boolean => transform[2] >= FAR_ZOOM

/** Whether there is anything to read: from afar nodes are plain boxes and edges bare lines, or a pan would take its time to draw a blur. */
export function useDetail(): boolean {
  const isWhole = useTopology((state) => state.isWhole)
  return useStore(isNear) || isWhole
}

/** Every kind of node has the same frame: an icon, a name, and a line of facts. */
export const TopologyNode = memo(function TopologyNode({ data, selected }: NodeProps<FlowNode>) {
  const { of } = data
  const hasDetail = useDetail()
  const end = useReach(({ from, to }) => (from === of.id ? 'from' : to === of.id ? 'to' : undefined))
  return (
    <div
      className="topo-node"
      data-kind={of.kind}
      data-selected={selected}
      data-end={end}
      data-far={!hasDetail}
      data-tone={of.kind === 'container' ? lookOf(of.container).tone : undefined}
      data-testid={`topo-${of.kind}`}
      data-name={nameOf(of)}
    >
      {/* Where edges end. Nobody connects by hand here, so that React Flow's own handles would only cost. */}
      <div className="topo-end target" data-handlepos={of.kind === 'host' ? 'top' : 'left'} />
      {hasDetail && <Body of={of} />}
      <div className="topo-end source" data-handlepos={of.kind === 'outside' ? 'bottom' : 'right'} />
    </div>
  )
})

/** What a node is called, and what its place is kept under: ids change when a container is made anew, names do not. */
export function nameOf(of: GraphNode): string {
  switch (of.kind) {
    case 'outside':
    case 'host':
      return of.kind
    case 'network':
      return of.network.name
    case 'container':
      return of.container.name
    case 'project':
      return of.name
  }
}

/** The same in the words of the window. */
export function titleOf(of: GraphNode): string {
  if (of.kind === 'host') return of.machine.hostname || i18next.t('topology.host')
  return of.kind === 'outside' ? i18next.t('topology.outside') : nameOf(of)
}

function Body({ of }: { readonly of: GraphNode }) {
  switch (of.kind) {
    case 'outside':
      return <Outside />
    case 'host':
      return <Host node={of} />
    case 'network':
      return <Network node={of} />
    case 'container':
      return <Container node={of} />
    case 'project':
      return <Project node={of} />
  }
}

function Outside() {
  const { t } = useTranslation()
  return (
    <>
      <IconWorld size={18} stroke={1.6} aria-hidden />
      <div className="topo-text">
        <b>{t('topology.outside')}</b>
        <span className="quiet">{t('topology.outsideText')}</span>
      </div>
    </>
  )
}

function Host({ node }: { readonly node: HostNode }) {
  const { t } = useTranslation()
  const { interfaces } = node.machine
  const [first] = interfaces
  const others = interfaces.flatMap(({ addresses }) => addresses).length - 1
  return (
    <>
      <IconDeviceDesktop size={18} stroke={1.6} aria-hidden />
      <div className="topo-text">
        <b>{titleOf(node)}</b>
        <span className="quiet">{t('topology.host')}</span>
        <span className="mono quiet">
          {first ? `${first.name} ${first.addresses[0]}` : t('topology.noAddress')}
          {others > 0 && ` +${others}`}
        </span>
      </div>
    </>
  )
}

function Network({ node: { network, hints } }: { readonly node: NetworkNode }) {
  const { t } = useTranslation()
  return (
    <>
      <IconNetwork size={18} stroke={1.6} aria-hidden />
      <div className="topo-text">
        <b>
          {network.name} <Hints hints={hints} />
        </b>
        <span className="mono quiet">{network.subnet || t('topology.noSubnet')}</span>
        <span className="quiet">
          {network.driver}
          {network.isInternal ? ` · ${t('topology.internal')}` : ''}
        </span>
      </div>
    </>
  )
}

function Container({ node: { container, hints } }: { readonly node: ContainerNode }) {
  return (
    <>
      <IconBox size={18} stroke={1.6} aria-hidden />
      <div className="topo-text">
        <b>
          {container.name} <Hints hints={hints} />
        </b>
        <span className="quiet">{container.image}</span>
        <Status container={container} />
      </div>
    </>
  )
}

function Project({ node: { name, containers } }: { readonly node: ProjectNode }) {
  const { t } = useTranslation()
  const running = containers.filter(({ status }) => status === 'running').length
  return (
    <>
      <IconLayersSubtract size={18} stroke={1.6} aria-hidden />
      <div className="topo-text">
        <b>{name}</b>
        <span className="quiet">{t('topology.projectText', { count: containers.length, running })}</span>
      </div>
    </>
  )
}

function Hints({ hints }: { readonly hints: readonly Hint[] }) {
  const { t } = useTranslation()
  if (hints.length === 0) return null
  const text = hints.map((hint) => t(`topology.hints.${hint}`)).join(' ')
  return (
    <span className="topo-hint" role="img" aria-label={text} title={text}>
      <IconAlertTriangle size={13} aria-hidden />
    </span>
  )
}
