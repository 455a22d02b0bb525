import { Menu } from '@mantine/core'
import {
  IconAdjustments,
  IconBolt,
  IconCopy,
  IconFileText,
  IconPencil,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerRecord,
  IconPlayerStop,
  IconPlugConnected,
  IconRefresh,
  IconRoute,
  IconTerminal2,
  IconTrash,
} from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { ContainerSummary } from '../../../engine/contract/container.ts'
import { useCaptures } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'
import { useReach } from '../../state/reach.ts'
import { useView } from '../../state/view.ts'
import { act, askRemove, canDo, openDock, type Verb } from './actions.ts'

/** Where a menu hangs, in window coordinates, and for whom. */
export interface MenuPlace {
  readonly x: number
  readonly y: number
  readonly id: string
}

interface ContainerMenuProps {
  readonly place: MenuPlace
  /** As the list has it now: what can be done changes while the menu is open. */
  readonly container: ContainerSummary
  readonly onClose: () => void
}

const VERBS = [
  { verb: 'start', Icon: IconPlayerPlay },
  { verb: 'unpause', Icon: IconPlayerPlay },
  { verb: 'stop', Icon: IconPlayerStop },
  { verb: 'restart', Icon: IconRefresh },
  { verb: 'pause', Icon: IconPlayerPause },
  { verb: 'kill', Icon: IconBolt },
] as const satisfies readonly { verb: Verb; Icon: unknown }[]

/** Every action on a container, at the pointer or below the row's button. */
export function ContainerMenu({ place, container, onClose }: ContainerMenuProps) {
  const { t } = useTranslation()
  return (
    <Menu opened onClose={onClose} position="bottom-start" returnFocus>
      <Menu.Target>
        <div style={{ position: 'fixed', left: place.x, top: place.y, width: 0, height: 0 }} />
      </Menu.Target>
      <Menu.Dropdown>
        {VERBS.filter(({ verb }) => canDo(verb, container)).map(({ verb, Icon }) => (
          <Menu.Item
            key={verb}
            leftSection={<Icon size={15} />}
            data-testid={`menu-${verb}`}
            onClick={() => void act(verb, [container])}
          >
            {t(`verb.${verb}`)}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<IconFileText size={15} />} onClick={() => openDock('logs', container)}>
          {t('logs')}
        </Menu.Item>
        <Menu.Item
          leftSection={<IconTerminal2 size={15} />}
          disabled={!canDo('exec', container)}
          onClick={() => openDock('exec', container)}
        >
          {t('terminal')}
        </Menu.Item>
        <Menu.Item
          leftSection={<IconPlugConnected size={15} />}
          disabled={!canDo('attach', container)}
          data-testid="menu-attach"
          onClick={() => openDock('attach', container)}
        >
          {t('attach')}
        </Menu.Item>
        <NetworkItems container={container} />
        <Menu.Divider />
        <Menu.Item
          leftSection={<IconCopy size={15} />}
          onClick={() => void navigator.clipboard.writeText(container.id)}
        >
          {t('copyId')}
        </Menu.Item>
        <Menu.Item
          leftSection={<IconAdjustments size={15} />}
          data-testid="menu-edit"
          onClick={() => useDialog.getState().show({ type: 'edit', container })}
        >
          {t('verb.edit')}…
        </Menu.Item>
        <Menu.Item
          leftSection={<IconPencil size={15} />}
          data-testid="menu-rename"
          onClick={() => useDialog.getState().show({ type: 'rename', container })}
        >
          {t('verb.rename')}…
        </Menu.Item>
        <Menu.Item
          color="red"
          leftSection={<IconTrash size={15} />}
          data-testid="menu-remove"
          onClick={() => askRemove([container])}
        >
          {t('verb.remove')}…
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  )
}

/** What one may want to know of its network: whom it reaches, and what it says. */
function NetworkItems({ container }: { readonly container: ContainerSummary }) {
  const { t } = useTranslation()
  const captures = useCaptures(container.id)
  return (
    <>
      <Menu.Item
        leftSection={<IconRoute size={15} />}
        data-testid="menu-reach"
        onClick={() => {
          useView.getState().show('topology')
          useReach.getState().open(container.id)
        }}
      >
        {t('path.ask')}
      </Menu.Item>
      <Menu.Item
        leftSection={<IconPlayerRecord size={15} />}
        disabled={!canDo('exec', container) || container.networkMode === 'host'}
        data-testid="menu-capture"
        onClick={() => useDialog.getState().show({ type: 'capture', container })}
      >
        {t('capture.ask')}
      </Menu.Item>
      {captures.map(({ id, title, cancel }) => (
        <Menu.Item
          key={id}
          leftSection={<IconPlayerRecord size={15} />}
          data-testid="menu-capture-stop"
          onClick={cancel}
        >
          {t('capture.stopFile', { file: title.split('/').at(-1) })}
        </Menu.Item>
      ))}
    </>
  )
}
