import { Button } from '@mantine/core'
import { IconStethoscope } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { doctorReport } from '../../app/queries.ts'
import { useView } from '../../state/view.ts'

const STORED = 'slipway.doctor'

/**
 * What the machine check has found, above the first page: once when all is well or nearly so, and at every start for as
 * long as something keeps containers from running.
 */
export function FirstStart() {
  const { t } = useTranslation()
  const { data: report } = useQuery(doctorReport)
  const [isSeen, setSeen] = useState(localStorage.getItem(STORED) === 'seen')
  if (!report) return null
  const count = (wanted: string) => report.checks.filter(({ state }) => state === wanted).length
  const problems = count('problem')
  if (isSeen && problems === 0) return null
  const dismiss = () => {
    localStorage.setItem(STORED, 'seen')
    setSeen(true)
  }
  return (
    <section className="card first-start" data-testid="first-start" data-problems={problems}>
      <IconStethoscope size={20} stroke={1.5} aria-hidden />
      <div style={{ flex: 1 }}>
        <span className="strong">{t(problems > 0 ? 'doctor.cannotRun' : 'doctor.canRun')}</span>
        <p className="quiet">{t('doctor.counts', { passed: count('passed'), notes: count('note'), problems })}</p>
      </div>
      <Button
        variant={problems > 0 ? 'filled' : 'default'}
        data-testid="first-start-show"
        onClick={() => useView.getState().showSubject('doctor')}
      >
        {t('doctor.show')}
      </Button>
      {problems === 0 && (
        <Button variant="default" data-testid="first-start-dismiss" onClick={dismiss}>
          {t('dismiss')}
        </Button>
      )}
    </section>
  )
}
