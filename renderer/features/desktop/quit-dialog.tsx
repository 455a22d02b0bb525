import { Button, Checkbox, Group, Loader, Modal } from '@mantine/core'
import { IconPlayerPlay, IconPlayerStop } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { desktop } from '../../api/client.ts'
import { reportFailureOf } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'

/** Asks what becomes of the containers when the app ends, and shows that they are being stopped. */
export function QuitDialog() {
  const { dialog } = useDialog()
  if (dialog?.type === 'quit') return <Question running={dialog.running} />
  if (dialog?.type === 'stopping') return <Stopping running={dialog.running} />
  return null
}

function Question({ running }: { readonly running: number }) {
  const { t } = useTranslation()
  const { close } = useDialog()
  const [isRemembered, setRemembered] = useState(false)
  const answer = (choice: 'keep' | 'stop' | 'cancel') => {
    close()
    reportFailureOf(t('menu.quit'), desktop.answerQuit({ answer: choice, isRemembered }))
  }
  return (
    <Modal
      opened
      onClose={() => answer('cancel')}
      size={520}
      title={t('quit.title')}
      closeButtonProps={{ 'aria-label': t('close') }}
    >
      <div data-testid="quit-dialog">
        {t('quit.text', { count: running })}
        <div className="quit-choices">
          <button
            type="button"
            className="quit-choice"
            data-main="true"
            data-autofocus
            data-testid="quit-keep"
            onClick={() => answer('keep')}
          >
            <IconPlayerPlay size={18} stroke={1.6} color="var(--accent)" aria-hidden />
            <span className="strong">{t('quit.keep')}</span>
            <span className="quiet">{t('quit.keepText')}</span>
          </button>
          <button type="button" className="quit-choice" data-testid="quit-stop" onClick={() => answer('stop')}>
            <IconPlayerStop size={18} stroke={1.6} color="var(--bad)" aria-hidden />
            <span className="strong">{t('quit.stop')}</span>
            <span className="quiet">{t('quit.stopText')}</span>
          </button>
        </div>
        <Group justify="space-between">
          <Checkbox
            label={t('quit.remember')}
            checked={isRemembered}
            data-testid="quit-remember"
            onChange={(event) => setRemembered(event.currentTarget.checked)}
          />
          <Button variant="default" data-testid="quit-cancel" onClick={() => answer('cancel')}>
            {t('cancel')}
          </Button>
        </Group>
      </div>
    </Modal>
  )
}

function Stopping({ running }: { readonly running: number }) {
  const { t } = useTranslation()
  return (
    <Modal opened onClose={() => {}} withCloseButton={false} closeOnEscape={false} closeOnClickOutside={false}>
      <Group data-testid="stopping" role="status">
        <Loader size="sm" />
        {t('quit.stopping', { count: running })}
      </Group>
    </Modal>
  )
}
