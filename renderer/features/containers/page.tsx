import { Button } from '@mantine/core'
import { IconBox, IconPlayerPlay } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ContainerSummary } from '../../../engine/contract/container.ts'
import { containerList, imageList } from '../../app/queries.ts'
import { DataGrid } from '../../components/data-grid.tsx'
import { Empty } from '../../components/empty.tsx'
import { useDialog } from '../../state/dialog.ts'
import { followStats } from '../../state/stats.ts'
import { useView } from '../../state/view.ts'
import { FirstStart } from '../doctor/first-start.tsx'
import { FirstImage } from '../images/first-image.tsx'
import { act, askRemove, type Verb } from './actions.ts'
import { containerColumns } from './columns.tsx'
import { ContainerMenu, type MenuPlace } from './menu.tsx'
import { ContainerPane } from './pane.tsx'

const BULK = ['start', 'stop', 'restart', 'pause', 'unpause', 'kill'] as const satisfies readonly Verb[]
// The pane beside the list tells the rest.
const BESIDE_PANE: ReadonlySet<string> = new Set(['name', 'status', 'ports', 'cpu', 'actions'])
const NONE: ReadonlySet<string> = new Set()

/** The list of containers with live figures, and the detail pane beside it. */
export function ContainersPage() {
  const { t } = useTranslation()
  const { data: containers } = useQuery(containerList)
  const { opened, open, filter } = useView()
  const [selected, setSelected] = useState(NONE)
  const [menu, setMenu] = useState<MenuPlace | null>(null)
  const isNarrow = containers?.some(({ id }) => id === opened.containers) === true
  const columns = useMemo(
    () => containerColumns(t, setMenu).filter(({ key }) => !isNarrow || BESIDE_PANE.has(key)),
    [t, isNarrow],
  )
  useEffect(followStats, [])
  const shown = useMemo(
    () => (containers ?? []).filter((container) => matches(container, filter)),
    [containers, filter],
  )
  const chosen = shown.filter(({ id }) => selected.has(id))
  const current = containers?.find(({ id }) => id === opened.containers)
  const menuFor = containers?.find(({ id }) => id === menu?.id)
  return (
    <>
      <div className="page-main">
        <div className="page-head">
          <h1>{t('page.containers')}</h1>
          {chosen.length > 0 && <BulkBar chosen={chosen} onDone={() => setSelected(NONE)} />}
          <RunButton />
        </div>
        <FirstStart />
        {containers?.length === 0 && <NoContainers />}
        {containers && containers.length > 0 && (
          <DataGrid
            label={t('page.containers')}
            items={shown}
            columns={columns}
            idOf={({ id }) => id}
            nameOf={({ name }) => name}
            rowProps={({ name, status }) => ({
              'data-testid': 'container-row',
              'data-name': name,
              'data-status': status,
            })}
            openId={current?.id ?? ''}
            onOpen={({ id }) => open('containers', id)}
            onContextMenu={(container, at) => setMenu({ ...at, id: container.id })}
            onDelete={(items) => askRemove(items, () => setSelected(NONE))}
            selected={selected}
            onSelect={setSelected}
          />
        )}
      </div>
      {current && <ContainerPane container={current} />}
      {menu && menuFor && <ContainerMenu place={menu} container={menuFor} onClose={() => setMenu(null)} />}
    </>
  )
}

function matches({ name, image, id, command }: ContainerSummary, filter: string): boolean {
  const wanted = filter.trim().toLowerCase()
  return wanted === '' || [name, image, id, command].some((text) => text.toLowerCase().includes(wanted))
}

function RunButton() {
  const { t } = useTranslation()
  return (
    <Button
      leftSection={<IconPlayerPlay size={14} />}
      data-testid="run-open"
      onClick={() => useDialog.getState().show({ type: 'run', image: '' })}
    >
      {t('run')}
    </Button>
  )
}

function NoContainers() {
  const { t } = useTranslation()
  const { data: images = [] } = useQuery(imageList)
  if (images.length === 0) return <FirstImage />
  return (
    <Empty Icon={IconBox} title={t('noContainers')} text={t('noContainersHint')}>
      <RunButton />
    </Empty>
  )
}

function BulkBar({ chosen, onDone }: { readonly chosen: readonly ContainerSummary[]; readonly onDone: () => void }) {
  const { t } = useTranslation()
  return (
    <div className="field-row" data-testid="bulk-bar">
      <span className="quiet">{t('selected', { count: chosen.length })}</span>
      {BULK.map((verb) => (
        <Button key={verb} size="compact-xs" variant="default" onClick={() => void act(verb, chosen)}>
          {t(`verb.${verb}`)}
        </Button>
      ))}
      <Button size="compact-xs" variant="default" color="red" onClick={() => askRemove(chosen, onDone)}>
        {t('verb.remove')}…
      </Button>
    </div>
  )
}
