import { Button } from '@mantine/core'
import { IconAlertTriangle, IconCircleCheck, IconInfoCircle, IconRefresh } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { Check } from '../../../engine/contract/doctor.ts'
import { errorText } from '../../api/error-text.ts'
import { doctorReport } from '../../app/queries.ts'
import { CopyLine } from '../../components/copy-line.tsx'

const LOOKS = {
  passed: { Icon: IconCircleCheck, tone: 'good' },
  note: { Icon: IconInfoCircle, tone: 'warn' },
  problem: { Icon: IconAlertTriangle, tone: 'bad' },
} as const

/** What this machine has of what containers need; what is missing comes with its cause, its cost and a command. */
export function DoctorChecks() {
  const { t } = useTranslation()
  const { data: report, error, isFetching, refetch } = useQuery(doctorReport)
  return (
    <>
      <div className="doctor-head">
        <p className="settings-lead">{t('doctor.lead')}</p>
        <Button
          variant="default"
          leftSection={<IconRefresh size={14} />}
          loading={isFetching}
          data-testid="doctor-again"
          onClick={() => void refetch()}
        >
          {t('doctor.again')}
        </Button>
      </div>
      {error && <div className="error-note">{errorText(error)}</div>}
      <ul className="doctor-list">
        {report?.checks.map((check) => (
          <CheckRow key={check.id} check={check} />
        ))}
      </ul>
    </>
  )
}

function CheckRow({ check }: { readonly check: Check }) {
  const { t } = useTranslation()
  const { id, state, found, command } = check
  const { Icon, tone } = LOOKS[state]
  return (
    <li className="doctor-row" data-testid="check" data-id={id} data-state={state}>
      <span className="status" data-tone={tone}>
        <Icon size={16} aria-hidden />
        {t(`doctor.state.${state}`)}
      </span>
      <div>
        <span className="strong">{t(`doctor.check.${id}.title`)}</span>{' '}
        {found && <span className="quiet mono">{found}</span>}
        {state !== 'passed' && (
          <>
            <p>
              {t(`doctor.check.${id}.cause`)} {t(`doctor.check.${id}.cost`)}
            </p>
            {command && <CopyLine text={command} />}
          </>
        )}
      </div>
    </li>
  )
}
