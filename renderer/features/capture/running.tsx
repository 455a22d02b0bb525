import { Button } from '@mantine/core'
import { IconPlayerRecordFilled } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { useCaptures } from '../../state/activity.ts'
import './capture.css'

/** The captures of a container that run, each with its counters and a way to stop it. */
export function RunningCaptures({ containerId }: { readonly containerId: string }) {
  const { t } = useTranslation()
  return useCaptures(containerId).map(({ id, title, message, cancel }) => (
    <div key={id} className="capture-running" role="status" data-testid="capture-running">
      <span className="status" data-tone="bad">
        <IconPlayerRecordFilled size={13} aria-hidden />
        {t('capture.running')}
      </span>
      <span className="num">{message}</span>
      <span className="mono quiet" title={title}>
        {title.split('/').at(-1)}
      </span>
      <Button size="compact-xs" variant="default" data-testid="capture-stop" onClick={cancel}>
        {t('capture.stop')}
      </Button>
    </div>
  ))
}
