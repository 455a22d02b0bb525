import { SegmentedControl, Switch } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { desktopState, systemInfo } from '../../app/queries.ts'
import { Facts, mono } from '../../components/facts.tsx'
import { chooseLanguage } from '../../i18n/index.ts'
import { formatBytes } from '../../lib/format.ts'
import { usePreferences } from '../../state/preferences.ts'
import { changeSettings } from '../desktop/change-settings.ts'
import { useSetTheme } from '../desktop/use-theme.ts'
import { DefaultBridgeSettings } from './default-bridge.tsx'
import { PublishSettings } from './publish.tsx'

function ScreenReader() {
  const { t } = useTranslation()
  const { hasScreenReader, setScreenReader } = usePreferences()
  return (
    <Switch
      label={t('screenReader.terminals')}
      checked={hasScreenReader}
      onChange={(event) => setScreenReader(event.currentTarget.checked)}
      data-testid="screen-reader"
    />
  )
}

/** How the window looks and speaks, and what the engine is. */
export function GeneralSettings() {
  const { t, i18n } = useTranslation()
  const setTheme = useSetTheme()
  const { data: desktop } = useQuery(desktopState)
  const { data: info } = useQuery(systemInfo)
  return (
    <>
      <Facts
        title={t('appearance')}
        facts={[
          [
            t('theme'),
            <SegmentedControl
              key="theme"
              aria-label={t('theme')}
              data-testid="theme"
              value={desktop?.settings.theme === 'system' ? 'auto' : (desktop?.settings.theme ?? 'auto')}
              onChange={(value) => setTheme(value === 'auto' ? 'system' : (value as 'light' | 'dark'))}
              data={(['auto', 'light', 'dark'] as const).map((value) => ({ value, label: t(`themes.${value}`) }))}
            />,
          ],
          [
            t('language'),
            <SegmentedControl
              key="language"
              aria-label={t('language')}
              data-testid="language"
              value={i18n.language}
              onChange={(value) => {
                chooseLanguage(value as 'en' | 'ko')
                changeSettings({ language: value as 'en' | 'ko' })
              }}
              data={[
                { value: 'en', label: 'English' },
                { value: 'ko', label: '한국어' },
              ]}
            />,
          ],
          [t('screenReader.title'), <ScreenReader key="screen-reader" />],
        ]}
      />
      <PublishSettings />
      <DefaultBridgeSettings />
      {info && (
        <>
          <Facts
            title={t('engine')}
            facts={[
              [t('version'), info.version],
              [t('modeTitle'), t(`mode.${info.mode}`)],
              [t('runtime'), info.runtime],
              [t('dataFolder'), mono(info.root)],
              [t('kernel'), info.kernel],
              ['cgroup', info.cgroup],
              ['CPU', String(info.cpus)],
              [t('memory'), formatBytes(info.memoryBytes)],
            ]}
          />
          {info.warnings.map((warning) => (
            <p key={warning} className="status" data-tone="warn">
              {warning}
            </p>
          ))}
        </>
      )}
    </>
  )
}
