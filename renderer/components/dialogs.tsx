import { Button, Group, Modal, Text, TextInput } from '@mantine/core'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../api/client.ts'
import { errorText } from '../api/error-text.ts'
import { type Dialog, useDialog } from '../state/dialog.ts'

/** The confirmation and rename dialogs. A refusal keeps them open and says why. */
export function Dialogs() {
  const { dialog } = useDialog()
  if (dialog?.type === 'confirm') return <ConfirmDialog dialog={dialog} />
  if (dialog?.type === 'tag') return <TagDialog dialog={dialog} />
  if (dialog?.type === 'rename') return <RenameDialog dialog={dialog} />
  return null
}

function useSubmit(work: () => Promise<unknown>) {
  const { close } = useDialog()
  const [error, setError] = useState('')
  const [isBusy, setBusy] = useState(false)
  const submit = () => {
    setBusy(true)
    work().then(close, (cause: unknown) => {
      setError(errorText(cause))
      setBusy(false)
    })
  }
  return { error, isBusy, submit, close }
}

function ConfirmDialog({ dialog }: { readonly dialog: Extract<Dialog, { type: 'confirm' }> }) {
  const { t } = useTranslation()
  const { error, isBusy, submit, close } = useSubmit(dialog.act)
  return (
    <Modal opened onClose={close} title={dialog.title} closeButtonProps={{ 'aria-label': t('close') }}>
      <Text mb="md" style={{ overflowWrap: 'anywhere' }}>
        {dialog.text}
      </Text>
      {dialog.items && (
        <ul className="confirm-items mono" data-testid="confirm-items">
          {dialog.items.map((item) => (
            <li key={item}>{item}</li>
          ))}
        </ul>
      )}
      {error && <div className="error-note">{error}</div>}
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={close} data-autofocus>
          {t('cancel')}
        </Button>
        <Button color="red.8" onClick={submit} loading={isBusy} data-testid="confirm">
          {dialog.verb}
        </Button>
      </Group>
    </Modal>
  )
}

function RenameDialog({ dialog }: { readonly dialog: Extract<Dialog, { type: 'rename' }> }) {
  const { t } = useTranslation()
  const { id, name } = dialog.container
  return (
    <NameDialog
      title={t('renameTitle', { name })}
      initial={name}
      verb={t('verb.rename')}
      testId="rename"
      work={(next) => api.container.rename({ id, name: next })}
    />
  )
}

function TagDialog({ dialog }: { readonly dialog: Extract<Dialog, { type: 'tag' }> }) {
  const { t } = useTranslation()
  return (
    <NameDialog
      title={t('pull.tagTitle', { name: dialog.name })}
      initial={dialog.name}
      verb={t('pull.tag')}
      testId="tag"
      work={(reference) => api.image.tag({ id: dialog.id, reference })}
    />
  )
}

interface NameDialogProps {
  readonly title: string
  readonly initial: string
  readonly verb: string
  readonly testId: string
  readonly work: (name: string) => Promise<unknown>
}

/** Asks for a name and does something with it. */
function NameDialog({ title, initial, verb, testId, work }: NameDialogProps) {
  const { t } = useTranslation()
  const [name, setName] = useState(initial)
  const { error, isBusy, submit, close } = useSubmit(() => work(name))
  return (
    <Modal opened onClose={close} title={title} closeButtonProps={{ 'aria-label': t('close') }}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          submit()
        }}
      >
        <TextInput
          label={t('name')}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={error}
          data-autofocus
          data-testid={`${testId}-name`}
        />
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={close}>
            {t('cancel')}
          </Button>
          <Button type="submit" loading={isBusy} data-testid={`${testId}-submit`}>
            {verb}
          </Button>
        </Group>
      </form>
    </Modal>
  )
}
