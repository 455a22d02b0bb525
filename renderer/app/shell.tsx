import { ActionIcon, Badge, Button, NavLink, Text, useMantineColorScheme } from '@mantine/core'
import { IconActivity, IconBox, IconMoon, IconStack2, IconSun } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { ActivityPage } from '../features/activity/page.tsx'
import { ContainersPage } from '../features/containers/page.tsx'
import { RunForm } from '../features/containers/run-form.tsx'
import { Dock } from '../features/dock/dock.tsx'
import { ImagesPage } from '../features/images/page.tsx'
import { DropZone } from '../features/importing/drop-zone.tsx'
import { type Page, useView } from '../state/view.ts'
import { systemInfo } from './queries.ts'

const PAGES = [
  { page: 'containers', Icon: IconBox, Body: ContainersPage },
  { page: 'images', Icon: IconStack2, Body: ImagesPage },
  { page: 'activity', Icon: IconActivity, Body: ActivityPage },
] as const satisfies readonly { page: Page; Icon: unknown; Body: unknown }[]

/** The window: rail, top bar, page, dock. */
export function Shell() {
  const { t, i18n } = useTranslation()
  const { page, show } = useView()
  const { data: info } = useQuery(systemInfo)
  const { colorScheme, setColorScheme } = useMantineColorScheme()
  const isDark =
    colorScheme === 'dark' || (colorScheme === 'auto' && matchMedia('(prefers-color-scheme: dark)').matches)
  const Body = PAGES.find((entry) => entry.page === page)?.Body ?? ContainersPage
  const switchLanguage = () => {
    const next = i18n.language === 'ko' ? 'en' : 'ko'
    localStorage.setItem('language', next)
    void i18n.changeLanguage(next)
  }
  return (
    <div className="shell">
      <nav className="rail">
        <Text fw={700} size="lg" px={12} pb={12}>
          Slipway
        </Text>
        {PAGES.map(({ page: name, Icon }) => (
          <NavLink
            key={name}
            component="button"
            data-testid={`nav-${name}`}
            label={t(name)}
            leftSection={<Icon size={18} />}
            active={page === name}
            onClick={() => show(name)}
          />
        ))}
      </nav>
      <header className="topbar">
        <Badge variant="light" data-testid="engine-state">
          {info ? `${info.mode} · ${info.version} · ${info.runtime}` : t('starting')}
        </Badge>
        <Button size="compact-sm" variant="subtle" onClick={switchLanguage}>
          {t('language')}
        </Button>
        <ActionIcon variant="subtle" aria-label={t('theme')} onClick={() => setColorScheme(isDark ? 'light' : 'dark')}>
          {isDark ? <IconSun size={18} /> : <IconMoon size={18} />}
        </ActionIcon>
      </header>
      <main className="page">
        <Body />
      </main>
      <Dock />
      <RunForm />
      <DropZone />
    </div>
  )
}
