import { Menu } from '@mantine/core'
import { IconCopy, IconPlugConnected, IconSitemap, IconTrash } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { NetworkSummary } from '../../../engine/contract/network.ts'
import { useView } from '../../state/view.ts'
import { askRemoveNetworks, canConnect, canRemove } from './actions.ts'

interface NetworkMenuProps {
  /** In window coordinates. */
  readonly place: { readonly x: number; readonly y: number }
  readonly network: NetworkSummary
  readonly onConnect: () => void
  readonly onClose: () => void
}

/** Every action on a network, at the pointer or below the row's button. */
export function NetworkMenu({ place, network, onConnect, onClose }: NetworkMenuProps) {
  const { t } = useTranslation()
  return (
    <Menu opened onClose={onClose} position="bottom-start" returnFocus>
      <Menu.Target>
        <div style={{ position: 'fixed', left: place.x, top: place.y, width: 0, height: 0 }} />
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          leftSection={<IconPlugConnected size={15} />}
          disabled={!canConnect(network)}
          data-testid="menu-connect"
          onClick={onConnect}
        >
          {t('networks.connect')}…
        </Menu.Item>
        <Menu.Item leftSection={<IconSitemap size={15} />} onClick={() => useView.getState().show('topology')}>
          {t('networks.showTopology')}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<IconCopy size={15} />} onClick={() => void navigator.clipboard.writeText(network.id)}>
          {t('copyId')}
        </Menu.Item>
        <Menu.Item
          color="red"
          leftSection={<IconTrash size={15} />}
          disabled={!canRemove(network)}
          data-testid="menu-remove"
          onClick={() => askRemoveNetworks([network])}
        >
          {t('verb.remove')}…
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}
