import {
  IconDots,
  IconFileText,
  IconPlayerPlay,
  IconPlayerStop,
  IconRefresh,
  IconTerminal2,
  IconTrash,
} from '@tabler/icons-react'
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import type { ContainerSummary } from '../../../engine/contract/container.ts'
import type { Column } from '../../components/data-grid.tsx'
import { Elapsed } from '../../components/elapsed.tsx'
import { IconButton } from '../../components/icon-button.tsx'
import { Status } from '../../components/status.tsx'
import { formatBytes } from '../../lib/format.ts'
import { useStats } from '../../state/stats.ts'
import { act, askRemove, canDo, openDock } from './actions.ts'
import type { MenuPlace } from './menu.tsx'
import { Ports } from './ports.tsx'

/** The list's columns. Figures read the stats store themselves, so that a sample redraws two cells and no list. */
export function containerColumns(
  t: TFunction,
  openMenu: (place: MenuPlace) => void,
): readonly Column<ContainerSummary>[] {
  return [
    {
      key: 'name',
      label: t('name'),
      width: 'minmax(96px, 1.4fr)',
      sortBy: ({ name }) => name,
      render: ({ name }) => <span className="strong">{name}</span>,
    },
    {
      key: 'status',
      label: t('state'),
      width: '118px',
      sortBy: ({ status }) => status,
      render: (container) => <Status container={container} />,
    },
    {
      key: 'uptime',
      label: t('since'),
      width: '92px',
      sortBy: ({ startedAt, finishedAt, createdAt }) => finishedAt || startedAt || createdAt,
      render: (container) => <Since container={container} />,
    },
    {
      key: 'image',
      label: t('image'),
      width: 'minmax(100px, 1.2fr)',
      sortBy: ({ image }) => image,
      render: ({ image }) => <span title={image}>{image}</span>,
    },
    {
      key: 'ports',
      label: t('ports'),
      width: 'minmax(84px, 1fr)',
      sortBy: ({ ports }) => ports[0]?.hostPort ?? 0,
      render: (container) => <Ports container={container} />,
    },
    { key: 'cpu', label: 'CPU', width: '58px', isNumber: true, render: ({ id }) => <Figure id={id} of="cpu" /> },
    {
      key: 'memory',
      label: t('memory'),
      width: '72px',
      isNumber: true,
      render: ({ id }) => <Figure id={id} of="memory" />,
    },
    {
      key: 'actions',
      label: t('actions'),
      width: '174px',
      render: (container) => <RowActions container={container} openMenu={openMenu} />,
    },
  ]
}

function Since({ container }: { readonly container: ContainerSummary }) {
  const { status, startedAt, finishedAt, createdAt } = container
  const isAlive = status === 'running' || status === 'paused'
  return (
    <span className="quiet">
      <Elapsed since={(isAlive ? startedAt : finishedAt) || createdAt} />
    </span>
  )
}

function Figure({ id, of }: { readonly id: string; readonly of: 'cpu' | 'memory' }) {
  const sample = useStats(({ history }) => history.get(id)?.at(-1))
  if (!sample) return <span className="quiet">–</span>
  return (
    <span data-testid={of}>{of === 'cpu' ? `${sample.cpuPercent.toFixed(1)} %` : formatBytes(sample.memoryBytes)}</span>
  )
}

function RowActions({
  container,
  openMenu,
}: {
  readonly container: ContainerSummary
  readonly openMenu: (place: MenuPlace) => void
}) {
  const { t } = useTranslation()
  const label = (verb: string) => `${t(verb)}: ${container.name}`
  return (
    <div style={{ display: 'flex' }}>
      {canDo('start', container) || canDo('unpause', container) ? (
        <IconButton
          label={label(canDo('start', container) ? 'verb.start' : 'verb.unpause')}
          Icon={IconPlayerPlay}
          testId="row-start"
          onClick={() => void act(canDo('start', container) ? 'start' : 'unpause', [container])}
        />
      ) : (
        <IconButton
          label={label('verb.stop')}
          Icon={IconPlayerStop}
          testId="row-stop"
          isDisabled={!canDo('stop', container)}
          onClick={() => void act('stop', [container])}
        />
      )}
      <IconButton
        label={label('verb.restart')}
        Icon={IconRefresh}
        testId="row-restart"
        isDisabled={!canDo('restart', container)}
        onClick={() => void act('restart', [container])}
      />
      <IconButton
        label={label('logs')}
        Icon={IconFileText}
        testId="row-logs"
        onClick={() => openDock('logs', container)}
      />
      <IconButton
        label={label('terminal')}
        Icon={IconTerminal2}
        testId="row-terminal"
        isDisabled={!canDo('exec', container)}
        onClick={() => openDock('exec', container)}
      />
      <IconButton
        label={label('verb.remove')}
        Icon={IconTrash}
        testId="row-remove"
        onClick={() => askRemove([container])}
      />
      <IconButton
        label={label('more')}
        Icon={IconDots}
        testId="row-more"
        onClick={(event) => {
          const { left, bottom } = event.currentTarget.getBoundingClientRect()
          openMenu({ x: left, y: bottom, id: container.id })
        }}
      />
    </div>
  )
}
