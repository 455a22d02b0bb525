import { Button, Group, Modal, Stack, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ContainerDetail } from '../../../engine/contract/container.ts'
import { api } from '../../api/client.ts'
import { containerDetail } from '../../app/queries.ts'
import { useDialog } from '../../state/dialog.ts'
import { ContainerFields } from './container-fields.tsx'
import { type EditPlan, fieldsOf, planEdit } from './edit-request.ts'
import { explain, type Failure, FailureNote } from './form-failure.tsx'
import type { RunFields } from './run-request.ts'

/** Changes a container: what can be while it runs, the rest by making it anew, which the button says. */
export function EditDialog() {
  const { t } = useTranslation()
  const { dialog, close } = useDialog()
  const id = dialog?.type === 'edit' ? dialog.container.id : ''
  const { data: detail } = useQuery({ ...containerDetail(id), enabled: id !== '' })
  if (dialog?.type !== 'edit') return null
  return (
    <Modal
      opened
      onClose={close}
      title={t('edit.title', { name: dialog.container.name })}
      size={640}
      closeButtonProps={{ 'aria-label': t('close') }}
      styles={{ title: { fontWeight: 650 } }}
    >
      {detail && <EditForm key={detail.id} detail={detail} />}
    </Modal>
  )
}

function EditForm({ detail: current }: { readonly detail: ContainerDetail }) {
  const { t } = useTranslation()
  const { close } = useDialog()
  // As it was when the dialog was opened: what else changes meanwhile is not the user's doing.
  const [detail] = useState(current)
  const [fields, setFields] = useState(() => fieldsOf(detail))
  const [failure, setFailure] = useState<Failure | null>(null)
  const [isBusy, setBusy] = useState(false)
  const set = (part: Partial<RunFields>) => setFields((old) => ({ ...old, ...part }))
  const plan = tryPlan(detail, fields)
  const isRunning = current.status === 'running' || current.status === 'paused' || current.status === 'restarting'
  const submit = async () => {
    setBusy(true)
    try {
      await carryOut(detail.id, planEdit(detail, fields))
      close()
    } catch (cause) {
      setFailure(explain(cause, t))
    } finally {
      setBusy(false)
    }
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        void submit()
      }}
    >
      <Stack gap="sm">
        <TextInput
          label={t('name')}
          value={fields.name}
          onChange={(event) => set({ name: event.currentTarget.value })}
          data-autofocus
          data-testid="run-name"
        />
        <ContainerFields
          fields={fields}
          set={set}
          image={detail.imageId}
          hasNetworks={!detail.config.network.startsWith('container:')}
        />
        {failure && <FailureNote failure={failure} fields={fields} set={(part) => (set(part), setFailure(null))} />}
        <Group justify="space-between" wrap="nowrap">
          <p className="edit-hint" data-testid="edit-hint" aria-live="polite">
            {t(`edit.hint.${plan}`)}
          </p>
          <Group gap="xs" wrap="nowrap">
            <Button variant="default" onClick={close}>
              {t('cancel')}
            </Button>
            <Button
              type="submit"
              loading={isBusy}
              disabled={plan === 'nothing'}
              color={plan === 'anew' && isRunning ? 'orange.9' : 'harbour'}
              data-testid="edit-submit"
            >
              {t(plan !== 'anew' ? 'edit.save' : isRunning ? 'edit.anewRunning' : 'edit.anew')}
            </Button>
          </Group>
        </Group>
      </Stack>
    </form>
  )
}

/** The kind of a plan; what cannot be read yet is not known to need more than a change at once. */
function tryPlan(detail: ContainerDetail, fields: RunFields): EditPlan['kind'] {
  try {
    return planEdit(detail, fields).kind
  } catch {
    return 'live'
  }
}

async function carryOut(id: string, plan: EditPlan): Promise<void> {
  switch (plan.kind) {
    case 'nothing':
      return
    case 'anew':
      await api.container.recreate({ id, change: plan.change })
      return
    case 'live':
      // What is refused most comes first: then nothing of the rest has been done.
      if (plan.ports) await api.container.setPorts({ id, ports: [...plan.ports] })
      if (plan.name !== null) await api.container.rename({ id, name: plan.name })
      if (plan.update) await api.container.update({ id, ...plan.update })
  }
}
