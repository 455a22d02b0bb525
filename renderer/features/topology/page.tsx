import { ActionIcon, type ActionIconProps, Button, Menu, SegmentedControl } from '@mantine/core'
import { type Icon, IconDownload, IconLayoutGrid, IconNetwork, IconRoute } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { ReactFlowProvider, useReactFlow } from '@xyflow/react'
import { useEffect, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { containerList, machineNetwork, networkList } from '../../app/queries.ts'
import { Empty } from '../../components/empty.tsx'
import { reportFailure } from '../../state/activity.ts'
import { useReach } from '../../state/reach.ts'
import { followStats } from '../../state/stats.ts'
import { useTopology } from '../../state/topology.ts'
import { followTraffic } from '../../state/traffic.ts'
import { useView } from '../../state/view.ts'
import type { MenuPlace } from '../containers/menu.tsx'
import { ReachPanel } from '../reach/panel.tsx'
import { savePicture } from './export.ts'
import { buildGraph, type Graph, projectOf } from './graph.ts'
import { NodeMenu } from './node-menu.tsx'
import { TopologyPane } from './pane.tsx'
import { Picture } from './picture.tsx'
import { TopologyTable } from './table.tsx'
import '@xyflow/react/dist/style.css'
import './topology.css'

/** What is connected with what, live: as a picture, or as a table of the same. */
export function TopologyPage() {
  const { t } = useTranslation()
  const { data: containers = [] } = useQuery(containerList)
  const { data: networks } = useQuery(networkList)
  const { data: machine } = useQuery(machineNetwork)
  const { filter } = useView()
  const { show, setShow, view, setView, collapsed } = useTopology()
  const [chosen, setChosen] = useState('')
  const [menu, setMenu] = useState<MenuPlace | null>(null)
  useEffect(followStats, [])
  useEffect(followTraffic, [])
  const graph = useMemo(
    () => narrow(buildGraph(containers, networks ?? [], { show, collapsed: new Set(collapsed), machine }), filter),
    [containers, networks, machine, show, collapsed, filter],
  )
  const isAsking = useReach((state) => state.isOpen)
  const node = graph.nodes.find(({ id }) => id === chosen)
  return (
    <ReactFlowProvider>
      <div className="page-main">
        <div className="page-head">
          <h1>{t('page.topology')}</h1>
          <ReachButton />
          <Projects names={[...new Set(containers.map(projectOf).filter(Boolean))]} />
          <SegmentedControl
            aria-label={t('topology.show')}
            data-testid="topology-show"
            value={show}
            onChange={(value) => setShow(value as typeof show)}
            data={(['all', 'exposed', 'outgoing'] as const).map((value) => ({
              value,
              label: t(`topology.filter.${value}`),
            }))}
          />
          <SegmentedControl
            aria-label={t('topology.view')}
            data-testid="topology-view"
            value={view}
            onChange={(value) => setView(value as typeof view)}
            data={(['picture', 'table'] as const).map((value) => ({ value, label: t(`topology.as.${value}`) }))}
          />
          {view === 'picture' && <Export />}
        </div>
        {networks && graph.nodes.length === 0 ? (
          <Empty Icon={IconNetwork} title={t('topology.none')} text={t('topology.noneText')} />
        ) : view === 'table' ? (
          <TopologyTable graph={graph} />
        ) : (
          <Picture graph={graph} chosen={chosen} onChoose={setChosen} onMenu={setMenu} />
        )}
      </div>
      {isAsking ? <ReachPanel /> : node ? <TopologyPane node={node} onClose={() => setChosen('')} /> : null}
      <NodeMenu place={menu} node={graph.nodes.find(({ id }) => id === menu?.id)} onClose={() => setMenu(null)} />
    </ReactFlowProvider>
  )
}

/** Asks about two containers, whatever is chosen. */
function ReachButton() {
  const { t } = useTranslation()
  const { isOpen, open, close } = useReach()
  return (
    <Button
      variant={isOpen ? 'light' : 'default'}
      leftSection={<IconRoute size={15} />}
      aria-pressed={isOpen}
      data-testid="topology-reach"
      onClick={() => (isOpen ? close() : open(''))}
    >
      {t('path.button')}
    </Button>
  )
}

/** The nodes whose name holds the text, and their neighbours. */
function narrow(graph: Graph, filter: string): Graph {
  const wanted = filter.trim().toLowerCase()
  if (wanted === '') return graph
  const isNamed = (node: Graph['nodes'][number]) =>
    (node.kind === 'container' && `${node.container.name} ${node.container.image}`.toLowerCase().includes(wanted)) ||
    (node.kind === 'network' && `${node.network.name} ${node.network.subnet}`.toLowerCase().includes(wanted)) ||
    (node.kind === 'project' && node.name.toLowerCase().includes(wanted))
  const named = new Set(graph.nodes.filter(isNamed).map(({ id }) => id))
  const edges = graph.edges.filter(({ source, target }) => named.has(source) || named.has(target))
  const near = new Set([...named, ...edges.flatMap(({ source, target }) => [source, target])])
  return { nodes: graph.nodes.filter(({ id }) => near.has(id)), edges }
}

interface MenuButtonProps extends ActionIconProps {
  readonly label: string
  readonly Icon: Icon
  readonly 'data-testid': string
}

/** An icon that opens a menu; the menu adds its own properties. */
function MenuButton({ label, Icon: Shown, ...others }: MenuButtonProps) {
  return (
    <ActionIcon variant="subtle" color="gray" size={28} aria-label={label} title={label} {...others}>
      <Shown size={16} />
    </ActionIcon>
  )
}

function Projects({ names }: { readonly names: readonly string[] }) {
  const { t } = useTranslation()
  const { collapsed, toggleProject } = useTopology()
  if (names.length === 0) return null
  return (
    <Menu closeOnItemClick={false}>
      <Menu.Target>
        <MenuButton label={t('topology.projects')} Icon={IconLayoutGrid} data-testid="topology-projects" />
      </Menu.Target>
      <Menu.Dropdown>
        {names.map((name) => (
          <Menu.CheckboxItem key={name} checked={collapsed.includes(name)} onChange={() => toggleProject(name)}>
            {t('topology.collapse', { name })}
          </Menu.CheckboxItem>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

function Export() {
  const { t } = useTranslation()
  const { getNodes } = useReactFlow()
  const forgetPlaces = useTopology((state) => state.forgetPlaces)
  const save = (format: 'png' | 'svg') =>
    void savePicture(getNodes(), format).catch((error: unknown) => reportFailure(t('topology.save'), error))
  return (
    <Menu>
      <Menu.Target>
        <MenuButton label={t('topology.save')} Icon={IconDownload} data-testid="topology-save" />
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item data-testid="save-svg" onClick={() => save('svg')}>
          {t('topology.saveSvg')}
        </Menu.Item>
        <Menu.Item data-testid="save-png" onClick={() => save('png')}>
          {t('topology.savePng')}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item onClick={forgetPlaces}>{t('topology.tidy')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
