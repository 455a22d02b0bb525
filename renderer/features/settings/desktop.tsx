import { SegmentedControl, Switch } from '@mantine/core'
import { IconInfoCircle } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { DesktopSettings, DesktopState } from '../../../engine/contract/desktop.ts'
import { desktop } from '../../api/client.ts'
import { desktopState } from '../../app/queries.ts'
import { Setting } from '../../components/setting.tsx'
import { reportFailureOf } from '../../state/activity.ts'
import { changeSettings } from '../desktop/change-settings.ts'
import { UpdateSettings } from './updates.tsx'

/** How the app behaves on this desktop. */
export function DesktopSettingsPage() {
  const { data } = useQuery(desktopState)
  if (!data) return null
  return (
    <>
      <WindowSettings state={data} />
      <NotificationSettings wanted={data.settings.notifications} />
      <UpdateSettings wanted={data.settings.updates} />
    </>
  )
}

function WindowSettings({ state }: { readonly state: DesktopState }) {
  const { t } = useTranslation()
  const { settings, hasTray, isAutostarted } = state
  return (
    <>
      <h2 className="facts-title">{t('desktop.window')}</h2>
      <Setting title={t('desktop.closing')} text={t('desktop.closingText')}>
        <SegmentedControl
          aria-label={t('desktop.closing')}
          data-testid="closing"
          value={settings.closing}
          onChange={(value) => changeSettings({ closing: value as DesktopSettings['closing'] })}
          data={(['tray', 'quit'] as const).map((value) => ({ value, label: t(`desktop.closings.${value}`) }))}
        />
        {settings.closing === 'tray' && !hasTray && (
          <span className="link-note setting-wide" data-testid="no-tray">
            <IconInfoCircle size={16} aria-hidden />
            {t('desktop.noTray')}
          </span>
        )}
      </Setting>
      <Setting title={t('desktop.quitting')} text={t('desktop.quittingText')}>
        <SegmentedControl
          aria-label={t('desktop.quitting')}
          data-testid="quitting"
          value={settings.quitting}
          onChange={(value) => changeSettings({ quitting: value as DesktopSettings['quitting'] })}
          data={(['ask', 'keep', 'stop'] as const).map((value) => ({ value, label: t(`desktop.quittings.${value}`) }))}
        />
      </Setting>
      <Setting title={t('desktop.autostart')} text={t('desktop.autostartText')}>
        <Switch
          aria-label={t('desktop.autostart')}
          data-testid="autostart"
          checked={isAutostarted}
          onChange={(event) => {
            const isOn = event.currentTarget.checked
            reportFailureOf(t('desktop.autostart'), desktop.setAutostart({ isOn }))
          }}
        />
      </Setting>
    </>
  )
}

function NotificationSettings({ wanted }: { readonly wanted: DesktopSettings['notifications'] }) {
  const { t } = useTranslation()
  return (
    <>
      <h2 className="facts-title">{t('desktop.notifications')}</h2>
      {(['failed', 'unhealthy', 'imported'] as const).map((kind, index) => (
        <Setting
          key={kind}
          title={t(`desktop.notify.${kind}`)}
          {...(index === 0 ? { text: t('desktop.notificationsText') } : {})}
        >
          <Switch
            aria-label={t(`desktop.notify.${kind}`)}
            data-testid={`notify-${kind}`}
            checked={wanted[kind]}
            onChange={(event) => changeSettings({ notifications: { [kind]: event.currentTarget.checked } })}
          />
        </Setting>
      ))}
    </>
  )
}
