import { Button } from '@mantine/core'
import { IconAlertTriangle, IconDownload } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { updateState } from '../../app/queries.ts'
import { useNotices } from '../../state/notices.ts'
import { useView } from '../../state/view.ts'
import { installUpdate } from './change-settings.ts'

/** What the app has to say of itself, above the page: a crash that it recovered from, an update that is ready. */
export function Notices() {
  return (
    <div className="notices" role="status">
      <CrashNotice />
      <UpdateNotice />
    </div>
  )
}

function CrashNotice() {
  const { t } = useTranslation()
  const { crash, dismissCrash } = useNotices()
  if (!crash) return null
  return (
    <div className="notice" data-testid="crash-notice" data-what={crash.what}>
      <IconAlertTriangle size={16} color="var(--warn)" aria-hidden />
      <span>
        {t(`crash.${crash.what}`)} {t('crash.untouched')}
      </span>
      <Button
        size="compact-xs"
        variant="default"
        data-testid="crash-show"
        onClick={() => {
          dismissCrash()
          useView.getState().showSubject('log')
          useView.getState().reveal('settings', crash.file)
        }}
      >
        {t('crash.show')}
      </Button>
      <Button size="compact-xs" variant="subtle" color="gray" data-testid="crash-dismiss" onClick={dismissCrash}>
        {t('dismiss')}
      </Button>
    </div>
  )
}

function UpdateNotice() {
  const { t } = useTranslation()
  const { data: update } = useQuery(updateState)
  const { dismissedVersion, dismissVersion } = useNotices()
  if (update?.state !== 'ready' || update.version === dismissedVersion) return null
  return (
    <div className="notice" data-testid="update-notice">
      <IconDownload size={16} color="var(--accent)" aria-hidden />
      <span>{t('update.ready', { version: update.version })}</span>
      <Button size="compact-xs" onClick={installUpdate}>
        {t('update.install')}
      </Button>
      <Button size="compact-xs" variant="subtle" color="gray" onClick={() => dismissVersion(update.version)}>
        {t('update.later')}
      </Button>
    </div>
  )
}
