import { Button, Checkbox, Collapse, Group, Modal, Select, SimpleGrid, Stack, TextInput } from '@mantine/core'
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { TFunction } from 'i18next'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { EngineError } from '../../../engine/contract/errors.ts'
import { api } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'
import { imageDetail, imageList } from '../../app/queries.ts'
import { type Dialog, useDialog } from '../../state/dialog.ts'
import { useView } from '../../state/view.ts'
import { FirstImage } from '../images/first-image.tsx'
import { EMPTY_FIELDS, FieldError, type RunFields, toRequest } from './run-request.ts'
import { EnvRows, MountRows, PortRows } from './run-rows.tsx'

/** Asks what to run, creates it and starts it. What fails keeps the form open, says why, and leaves nothing. */
export function RunDialog() {
  const { t } = useTranslation()
  const { dialog, close } = useDialog()
  const { data: images = [] } = useQuery(imageList)
  if (dialog?.type !== 'run') return null
  return (
    <Modal
      opened
      onClose={close}
      title={t('runTitle')}
      size={640}
      closeButtonProps={{ 'aria-label': t('close') }}
      styles={{ title: { fontWeight: 650 } }}
    >
      {images.length === 0 ? (
        <FirstImage />
      ) : (
        <RunForm
          dialog={dialog}
          references={images.flatMap(({ references, id }) => (references.length ? references : [id]))}
        />
      )}
    </Modal>
  )
}

type Failure = { readonly text: string; readonly error: EngineError | null }

function RunForm({
  dialog,
  references,
}: {
  readonly dialog: Extract<Dialog, { type: 'run' }>
  readonly references: readonly string[]
}) {
  const { t } = useTranslation()
  const { close } = useDialog()
  const [fields, setFields] = useState<RunFields>({ ...EMPTY_FIELDS, image: dialog.image || (references[0] ?? '') })
  const [failure, setFailure] = useState<Failure | null>(null)
  const [isBusy, setBusy] = useState(false)
  const { data: image } = useQuery(imageDetail(fields.image))
  const set = (part: Partial<RunFields>) => setFields((old) => ({ ...old, ...part }))
  const submit = async () => {
    setBusy(true)
    try {
      await createAndStart(fields)
      close()
      useView.getState().show('containers')
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
        <SimpleGrid cols={2}>
          <Select
            label={t('image')}
            data={[...references]}
            value={fields.image}
            onChange={(value) => set({ image: value ?? '' })}
            searchable
            allowDeselect={false}
            data-testid="run-image"
          />
          <TextInput
            label={t('name')}
            placeholder={t('nameHint')}
            value={fields.name}
            onChange={(event) => set({ name: event.currentTarget.value })}
            data-autofocus
            data-testid="run-name"
          />
        </SimpleGrid>
        <TextInput
          label={t('command')}
          placeholder={[...(image?.entrypoint ?? []), ...(image?.command ?? [])].join(' ') || t('commandHint')}
          value={fields.command}
          onChange={(event) => set({ command: event.currentTarget.value })}
          styles={{ input: { fontFamily: 'var(--mantine-font-family-monospace)' } }}
          data-testid="run-command"
        />
        <PortRows rows={fields.ports} onChange={(ports) => set({ ports })} exposed={image?.exposedPorts ?? []} />
        <MountRows rows={fields.mounts} onChange={(mounts) => set({ mounts })} />
        <EnvRows rows={fields.env} onChange={(env) => set({ env })} />
        <Checkbox
          label={t('tty')}
          checked={fields.isTty}
          onChange={(event) => set({ isTty: event.currentTarget.checked })}
          data-testid="run-tty"
        />
        <MoreOptions fields={fields} set={set} />
        {failure && (
          <FailureNote
            failure={failure}
            onTakePort={(taken, free) => {
              const ports = fields.ports.map((row) =>
                row.hostPort.split(':').at(-1) === String(taken)
                  ? { ...row, hostPort: row.hostPort.replace(/\d+$/, String(free)) }
                  : row,
              )
              set({ ports })
              setFailure(null)
            }}
          />
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>
            {t('cancel')}
          </Button>
          <Button type="submit" loading={isBusy} data-testid="run-submit">
            {t('run')}
          </Button>
        </Group>
      </Stack>
    </form>
  )
}

async function createAndStart(fields: RunFields): Promise<void> {
  const { id } = await api.container.create(toRequest(fields))
  try {
    await api.container.start({ id })
  } catch (error) {
    await api.container.remove({ id, force: true }).catch(() => {})
    throw error
  }
}

function explain(cause: unknown, t: TFunction): Failure {
  if (cause instanceof FieldError) return { text: t(`invalid.${cause.field}`, { value: cause.value }), error: null }
  return { text: errorText(cause), error: EngineError.from(cause) }
}

function FailureNote({
  failure,
  onTakePort,
}: {
  readonly failure: Failure
  readonly onTakePort: (taken: number, free: number) => void
}) {
  const { t } = useTranslation()
  const taken = Number(failure.error?.details?.['port'] ?? 0)
  const free = Number(failure.error?.details?.['nextFree'] ?? 0)
  return (
    <div className="error-note" role="alert" data-testid="run-error">
      {failure.text}
      {failure.error?.reason === 'port.in-use' && free > 0 && (
        <Button
          size="compact-xs"
          variant="default"
          display="block"
          mt={8}
          data-testid="take-port"
          onClick={() => onTakePort(taken, free)}
        >
          {t('usePort', { port: free })}
        </Button>
      )}
    </div>
  )
}

const POLICIES = ['no', 'on-failure', 'unless-stopped', 'always'] as const

function MoreOptions({
  fields,
  set,
}: {
  readonly fields: RunFields
  readonly set: (part: Partial<RunFields>) => void
}) {
  const { t } = useTranslation()
  const [isOpen, setOpen] = useState(false)
  const text = (key: 'user' | 'workingDir' | 'hostname' | 'memory' | 'cpus', label: string, placeholder = '') => (
    <TextInput
      label={label}
      placeholder={placeholder}
      value={fields[key]}
      onChange={(event) => set({ [key]: event.currentTarget.value })}
      data-testid={`run-${key}`}
    />
  )
  const box = (key: 'isInit' | 'isReadOnly' | 'isAutoRemove', label: string) => (
    <Checkbox label={label} checked={fields[key]} onChange={(event) => set({ [key]: event.currentTarget.checked })} />
  )
  return (
    <div>
      <Button
        variant="subtle"
        color="gray"
        size="compact-xs"
        aria-expanded={isOpen}
        leftSection={isOpen ? <IconChevronDown size={14} /> : <IconChevronRight size={14} />}
        onClick={() => setOpen(!isOpen)}
      >
        {t('moreOptions')}
      </Button>
      <Collapse expanded={isOpen}>
        <SimpleGrid cols={3} mt="xs">
          {text('memory', t('memoryLimit'), '512m')}
          {text('cpus', t('cpuLimit'), '1.5')}
          <Select
            label={t('restartPolicy')}
            data={POLICIES.map((value) => ({ value, label: t(`policy.${value}`) }))}
            value={fields.restart}
            onChange={(value) => set({ restart: (value ?? 'no') as RunFields['restart'] })}
            allowDeselect={false}
          />
          {text('user', t('user'), '1000:1000')}
          {text('workingDir', t('workingDir'))}
          {text('hostname', t('hostname'))}
        </SimpleGrid>
        <Group mt="sm">
          {box('isAutoRemove', t('autoRemove'))}
          {box('isInit', t('init'))}
          {box('isReadOnly', t('readOnlyRoot'))}
        </Group>
      </Collapse>
    </div>
  )
}
