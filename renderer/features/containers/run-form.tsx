import { Alert, Button, Checkbox, Group, Modal, Select, Stack, Textarea, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { EngineError } from '../../../engine/contract/errors.ts'
import { api } from '../../api/client.ts'
import { imageList } from '../../app/queries.ts'
import { splitCommand } from '../../lib/format.ts'
import { useView } from '../../state/view.ts'

const EMPTY = { image: '', name: '', command: '', env: '', ports: '', mounts: '', tty: false, autoRemove: false }
const lines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)

/** Asks what to run, creates it and starts it. What fails keeps the form open and says what to do. */
export function RunForm() {
  const { t } = useTranslation()
  const { runImage, openRun, show } = useView()
  const { data: images = [] } = useQuery(imageList)
  const [values, setValues] = useState(EMPTY)
  const [error, setError] = useState<EngineError | null>(null)
  const references = images.flatMap((image) => image.references)
  useEffect(() => {
    if (runImage !== null) setValues({ ...EMPTY, image: runImage || (references[0] ?? '') })
    setError(null)
  }, [runImage])
  const set = (part: Partial<typeof EMPTY>) => setValues((old) => ({ ...old, ...part }))
  const submit = async () => {
    let made = ''
    try {
      const { id } = await api.container.create(toRequest(values))
      made = id
      await api.container.start({ id })
      openRun(null)
      show('containers')
    } catch (cause) {
      if (made) await api.container.remove({ id: made, force: true }).catch(() => {})
      setError(EngineError.from(cause))
    }
  }
  const nextFree = error?.details?.['nextFree']
  const takeFreePort = () => {
    set({
      ports: values.ports.replace(new RegExp(`^${String(error?.details?.['port'])}:`, 'm'), `${String(nextFree)}:`),
    })
    setError(null)
  }
  return (
    <Modal opened={runImage !== null} onClose={() => openRun(null)} title={t('run')} size="lg">
      <Stack gap="sm">
        <Select
          label={t('image')}
          data={references}
          value={values.image}
          onChange={(image) => set({ image: image ?? '' })}
          data-testid="run-image"
          searchable
        />
        <TextInput
          label={t('name')}
          value={values.name}
          onChange={(event) => set({ name: event.currentTarget.value })}
          data-testid="run-name"
        />
        <TextInput
          label={t('command')}
          value={values.command}
          onChange={(event) => set({ command: event.currentTarget.value })}
          data-testid="run-command"
        />
        <Textarea
          label={t('publish')}
          value={values.ports}
          onChange={(event) => set({ ports: event.currentTarget.value })}
          data-testid="run-ports"
          autosize
        />
        <Textarea
          label={t('environment')}
          value={values.env}
          onChange={(event) => set({ env: event.currentTarget.value })}
          data-testid="run-env"
          autosize
        />
        <Textarea
          label={t('mounts')}
          value={values.mounts}
          onChange={(event) => set({ mounts: event.currentTarget.value })}
          data-testid="run-mounts"
          autosize
        />
        <Group>
          <Checkbox
            label={t('tty')}
            checked={values.tty}
            onChange={(event) => set({ tty: event.currentTarget.checked })}
          />
          <Checkbox
            label={t('autoRemove')}
            checked={values.autoRemove}
            onChange={(event) => set({ autoRemove: event.currentTarget.checked })}
          />
        </Group>
        {error && (
          <Alert color="red" data-testid="run-error">
            {error.message}
            {error.reason === 'port.in-use' && typeof nextFree === 'number' && nextFree > 0 && (
              <Button size="compact-sm" mt="xs" display="block" variant="light" onClick={takeFreePort}>
                {t('usePort', { port: nextFree })}
              </Button>
            )}
          </Alert>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={() => openRun(null)}>
            {t('cancel')}
          </Button>
          <Button data-testid="run-submit" onClick={() => void submit()}>
            {t('run')}
          </Button>
        </Group>
      </Stack>
    </Modal>
  )
}

function toRequest(values: typeof EMPTY) {
  const command = splitCommand(values.command)
  return {
    image: values.image,
    name: values.name.trim(),
    command: command.length ? command : null,
    env: lines(values.env),
    ports: lines(values.ports).map((line) => {
      const [hostPort = '', container = ''] = line.includes(':') ? line.split(':') : ['0', line]
      const [containerPort = '', protocol = 'tcp'] = container.split('/')
      return {
        hostPort: Number(hostPort),
        containerPort: Number(containerPort),
        protocol: protocol === 'udp' ? ('udp' as const) : ('tcp' as const),
      }
    }),
    mounts: lines(values.mounts).map((line) => {
      const [source = '', target = '', mode = ''] = line.split(':')
      return {
        type: source.startsWith('/') ? ('bind' as const) : ('volume' as const),
        source,
        target,
        readOnly: mode === 'ro',
      }
    }),
    tty: values.tty,
    openStdin: values.tty,
    autoRemove: values.autoRemove,
  }
}
