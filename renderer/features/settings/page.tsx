import { SegmentedControl } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { DockerApiSettings } from './docker-api.tsx'
import { GeneralSettings } from './general.tsx'

const SUBJECTS = { general: GeneralSettings, docker: DockerApiSettings } as const
type Subject = keyof typeof SUBJECTS

/** What can be set, by subject. */
export function SettingsPage() {
  const { t } = useTranslation()
  const [subject, setSubject] = useState<Subject>('general')
  const Body = SUBJECTS[subject]
  return (
    <div className="page-main">
      <div className="page-head">
        <h1>{t('page.settings')}</h1>
        <SegmentedControl
          aria-label={t('settings.subjects')}
          value={subject}
          onChange={(value) => setSubject(value as Subject)}
          data={(Object.keys(SUBJECTS) as Subject[]).map((value) => ({
            value,
            label: <span data-testid={`settings-${value}`}>{t(`settings.${value}`)}</span>,
          }))}
        />
      </div>
      <div className="page-body settings-body">
        <Body />
      </div>
    </div>
  )
}
