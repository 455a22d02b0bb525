import { TextInput } from '@mantine/core'
import { IconCircleFilled, IconLoader2, IconSearch } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { Dialogs } from '../components/dialogs.tsx'
import { Tips } from '../components/tips.tsx'
import { CaptureDialog } from '../features/capture/dialog.tsx'
import { EditDialog } from '../features/containers/edit-dialog.tsx'
import { ContainersPage } from '../features/containers/page.tsx'
import { RunDialog } from '../features/containers/run-dialog.tsx'
import { Notices } from '../features/desktop/notices.tsx'
import { QuitDialog } from '../features/desktop/quit-dialog.tsx'
import { Dock } from '../features/dock/dock.tsx'
import { PullDialog } from '../features/images/pull-dialog.tsx'
import { DropZone } from '../features/importing/drop-zone.tsx'
import { useActivity } from '../state/activity.ts'
import { type Page, useView } from '../state/view.ts'
import { PAGES } from './pages.ts'
import { Palette } from './palette.tsx'
import { containerList, imageList, systemInfo } from './queries.ts'
import { ShortcutsDialog, useShortcuts } from './shortcuts.tsx'

/** The window: rail, top bar, page, dock. */
export function Shell() {
  const { page } = useView()
  const Body = PAGES.find((entry) => entry.page === page)?.Body ?? ContainersPage
  return (
    <div className="shell">
      <Rail />
      <TopBar />
      <Notices />
      <main className="page">
        <Body />
      </main>
      <Dock />
      <RunDialog />
      <EditDialog />
      <Dialogs />
      <QuitDialog />
      <PullDialog />
      <CaptureDialog />
      <ShortcutsDialog />
      <Palette />
      <DropZone />
      <Tips />
    </div>
  )
}

function Rail() {
  const { t } = useTranslation()
  const { page, show } = useView()
  const { data: containers = [] } = useQuery(containerList)
  const { data: images = [] } = useQuery(imageList)
  const busy = useActivity(({ items }) => items.filter(({ state }) => state !== 'done').length)
  const counts: Partial<Record<Page, number>> = {
    containers: containers.length,
    images: images.length,
    activity: busy,
  }
  return (
    <nav className="rail" aria-label={t('navigation')}>
      <div className="brand">
        <Mark />
        Slipway
      </div>
      {PAGES.map(({ page: name, Icon }, index) => (
        <button
          key={name}
          type="button"
          className="rail-link"
          aria-current={page === name ? 'page' : undefined}
          data-testid={`nav-${name}`}
          title={`Ctrl+${index + 1}`}
          onClick={() => show(name)}
        >
          <Icon size={17} stroke={1.7} aria-hidden />
          {t(`page.${name}`)}
          {counts[name] ? <span className="count">{counts[name]}</span> : null}
        </button>
      ))}
    </nav>
  )
}

/** A hull on its slip. */
function Mark() {
  return (
    <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
      <path d="M2 9h16l-3 5H5z" fill="var(--accent)" />
      <path d="M6 4h3v4H6zM11 2h3v6h-3z" fill="var(--accent)" opacity="0.55" />
      <path d="M1 18 19 15.5" stroke="var(--quiet)" strokeWidth="1.6" strokeLinecap="round" />
    </svg>
  )
}

function TopBar() {
  const { t } = useTranslation()
  const { filter, setFilter } = useView()
  const { data: info } = useQuery(systemInfo)
  const box = useRef<HTMLInputElement>(null)
  useShortcuts(box)
  return (
    <header className="topbar">
      <TextInput
        ref={box}
        w={320}
        placeholder={t('filter')}
        aria-label={t('filter')}
        leftSection={<IconSearch size={14} />}
        value={filter}
        onChange={(event) => setFilter(event.currentTarget.value)}
        data-testid="filter"
      />
      <span className="engine-state" role="status" data-testid="engine-state" data-ready={info !== undefined}>
        {info ? (
          <>
            <IconCircleFilled size={9} color="var(--good)" aria-hidden />
            {t('engineRunning')} · {t(`mode.${info.mode}`)} · {info.runtime}
          </>
        ) : (
          <>
            <IconLoader2 size={13} aria-hidden />
            {t('engineStarting')}
          </>
        )}
      </span>
    </header>
  )
}
