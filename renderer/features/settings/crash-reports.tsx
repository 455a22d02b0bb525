import { Button } from '@mantine/core'
import { IconArrowLeft, IconFileText, IconHeartHandshake } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { crashReport, crashReports } from '../../app/queries.ts'
import { Elapsed } from '../../components/elapsed.tsx'
import { Empty } from '../../components/empty.tsx'
import { useView } from '../../state/view.ts'

/** The reports of crashes, newest first; one of them in full when it is opened. */
export function CrashReports() {
  const { t } = useTranslation()
  const { data: reports = [] } = useQuery(crashReports)
  const { opened, open } = useView()
  const file = opened.settings ?? ''
  if (file) return <Report file={file} onBack={() => open('settings', file)} />
  if (reports.length === 0)
    return <Empty Icon={IconHeartHandshake} title={t('appLog.noReports')} text={t('appLog.noReportsText')} />
  return (
    <div>
      {reports.map((report) => (
        <div key={report.file} className="setting" data-testid="crash-report" data-what={report.what}>
          <span>
            <span>{t(`appLog.what.${report.what}`)}</span>
            <span className="quiet">
              <Elapsed since={report.time} />
            </span>
          </span>
          <Button
            variant="default"
            leftSection={<IconFileText size={14} />}
            onClick={() => open('settings', report.file)}
          >
            {t('crash.show')}
          </Button>
        </div>
      ))}
    </div>
  )
}

function Report({ file, onBack }: { readonly file: string; readonly onBack: () => void }) {
  const { t } = useTranslation()
  const { data: text = '' } = useQuery(crashReport(file))
  return (
    <>
      <div className="app-log-tools">
        <Button variant="subtle" size="compact-xs" leftSection={<IconArrowLeft size={14} />} onClick={onBack}>
          {t('appLog.back')}
        </Button>
        <span className="mono quiet">{file}</span>
      </div>
      <pre
        className="report-text"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
        tabIndex={0}
        data-testid="report-text"
      >
        {text}
      </pre>
    </>
  )
}
