import { Menu } from '@mantine/core'
import {
  IconArrowsMaximize,
  IconCopy,
  IconEye,
  IconPlayerPlay,
  IconPlayerStop,
  IconPlus,
  IconRefresh,
  IconSettings,
  IconTrash,
} from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { networkList } from '../../app/queries.ts'
import { useDialog } from '../../state/dialog.ts'
import { useTopology } from '../../state/topology.ts'
import { useView } from '../../state/view.ts'
import { ContainerMenu, type MenuPlace } from '../containers/menu.tsx'
import { ConnectDialog } from '../networks/connect-dialog.tsx'
import { NetworkMenu } from '../networks/menu.tsx'
import type { GraphNode, HostNode, ProjectNode } from './graph.ts'
import { projectActs } from './project-acts.ts'

interface NodeMenuProps {
  /** `null` while none is open. */
  readonly place: MenuPlace | null
  /** As the graph has it now; gone with what it stands for. */
  readonly node: GraphNode | undefined
  readonly onClose: () => void
}

/** Every action on the node that was clicked. */
export function NodeMenu({ place, node, onClose }: NodeMenuProps) {
  const { data: networks = [] } = useQuery(networkList)
  const [connecting, setConnecting] = useState('')
  const joining = networks.find(({ id }) => id === connecting)
  return (
    <>
      {place && node && <MenuOf place={place} node={node} onConnect={setConnecting} onClose={onClose} />}
      {joining && <ConnectDialog network={joining} onClose={() => setConnecting('')} />}
    </>
  )
}

interface MenuOfProps {
  readonly place: MenuPlace
  readonly node: GraphNode
  readonly onConnect: (networkId: string) => void
  readonly onClose: () => void
}

function MenuOf({ place, node, onConnect, onClose }: MenuOfProps) {
  switch (node.kind) {
    case 'container':
      return <ContainerMenu place={place} container={node.container} onClose={onClose} />
    case 'network':
      return (
        <NetworkMenu
          place={place}
          network={node.network}
          onConnect={() => onConnect(node.network.id)}
          onClose={onClose}
        />
      )
    case 'project':
      return <Frame place={place} onClose={onClose} items={<ProjectItems node={node} />} />
    case 'host':
      return <Frame place={place} onClose={onClose} items={<HostItems node={node} />} />
    case 'outside':
      return <Frame place={place} onClose={onClose} items={<OutsideItems />} />
  }
}

function Frame({ place, items, onClose }: Omit<NodeMenuProps, 'node'> & { place: MenuPlace; items: ReactNode }) {
  return (
    <Menu opened onClose={onClose} position="bottom-start" returnFocus>
      <Menu.Target>
        <div style={{ position: 'fixed', left: place.x, top: place.y, width: 0, height: 0 }} />
      </Menu.Target>
      <Menu.Dropdown>{items}</Menu.Dropdown>
    </Menu>
  )
}

const PROJECT_ICONS = {
  start: IconPlayerPlay,
  stop: IconPlayerStop,
  restart: IconRefresh,
  unfold: IconArrowsMaximize,
  remove: IconTrash,
} as const

function ProjectItems({ node }: { readonly node: ProjectNode }) {
  return projectActs(node).map(({ key, label, isDisabled, run }) => {
    const Icon = PROJECT_ICONS[key]
    return (
      <Menu.Item
        key={key}
        leftSection={<Icon size={15} />}
        disabled={isDisabled}
        {...(key === 'remove' ? { color: 'red' } : {})}
        data-testid={`menu-${key}`}
        onClick={run}
      >
        {label}
      </Menu.Item>
    )
  })
}

function HostItems({ node: { machine } }: { readonly node: HostNode }) {
  const { t } = useTranslation()
  const addresses = machine.interfaces.flatMap((one) => one.addresses.map((address) => address.split('/')[0]))
  return (
    <>
      <Menu.Item
        leftSection={<IconPlus size={15} />}
        data-testid="menu-create-network"
        onClick={() => {
          useView.getState().show('networks')
          useDialog.getState().show({ type: 'create-network' })
        }}
      >
        {t('networks.create')}…
      </Menu.Item>
      <Menu.Item
        leftSection={<IconSettings size={15} />}
        data-testid="menu-publish"
        onClick={() => useView.getState().show('settings')}
      >
        {t('topology.publishSettings')}
      </Menu.Item>
      <Menu.Divider />
      <Menu.Item
        leftSection={<IconCopy size={15} />}
        disabled={addresses.length === 0}
        data-testid="menu-copy-addresses"
        onClick={() => void navigator.clipboard.writeText(addresses.join('\n'))}
      >
        {t('topology.copyAddresses')}
      </Menu.Item>
    </>
  )
}

function OutsideItems() {
  const { t } = useTranslation()
  return (['exposed', 'outgoing', 'all'] as const).map((show) => (
    <Menu.Item
      key={show}
      leftSection={<IconEye size={15} />}
      data-testid={`menu-show-${show}`}
      onClick={() => useTopology.getState().setShow(show)}
    >
      {t(`topology.showOnly.${show}`)}
    </Menu.Item>
  ))
}
