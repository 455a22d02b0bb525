import { SegmentedControl } from '@mantine/core'
import type { ComponentType } from 'react'
import { useTranslation } from 'react-i18next'
import { type Subject, useView } from '../../state/view.ts'
import { DoctorChecks } from '../doctor/checks.tsx'
import { AppLogPage } from './app-log.tsx'
import { DesktopSettingsPage } from './desktop.tsx'
import { DockerApiSettings } from './docker-api.tsx'
import { GeneralSettings } from './general.tsx'

const SUBJECTS: Readonly<Record<Subject, ComponentType>> = {
  general: GeneralSettings,
  desktop: DesktopSettingsPage,
  docker: DockerApiSettings,
  doctor: DoctorChecks,
  log: AppLogPage,
}

/** What can be set, by subject. */
export function SettingsPage() {
  const { t } = useTranslation()
  const { subject, showSubject } = useView()
  const Body = SUBJECTS[subject]
  return (
    <div className="page-main">
      <div className="page-head">
        <h1>{t('page.settings')}</h1>
        <SegmentedControl
          aria-label={t('settings.subjects')}
          value={subject}
          onChange={(value) => showSubject(value as Subject)}
          data={(Object.keys(SUBJECTS) as Subject[]).map((value) => ({
            value,
            label: <span data-testid={`settings-${value}`}>{t(`settings.${value}`)}</span>,
          }))}
        />
      </div>
      <div className="page-body settings-body" data-wide={subject === 'log'}>
        <Body />
      </div>
    </div>
  )
}
