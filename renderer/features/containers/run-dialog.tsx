import { Button, Group, Modal, Select, SimpleGrid, Stack, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '../../api/client.ts'
import { imageDetail, imageList } from '../../app/queries.ts'
import { type Dialog, useDialog } from '../../state/dialog.ts'
import { useView } from '../../state/view.ts'
import { LinkNote } from '../desktop/link-note.tsx'
import { FirstImage } from '../images/first-image.tsx'
import { ContainerFields } from './container-fields.tsx'
import { explain, type Failure, FailureNote } from './form-failure.tsx'
import { EMPTY_FIELDS, type RunFields, toRequest } from './run-request.ts'

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
      {images.length === 0 && dialog.image === '' ? (
        <FirstImage />
      ) : (
        <RunForm
          key={dialog.image}
          dialog={dialog}
          references={images.flatMap(({ references, id }) => (references.length ? references : [id]))}
        />
      )}
    </Modal>
  )
}

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
  const { isError } = useQuery(imageDetail(fields.image))
  const isMissing = dialog.isFromLink === true && isError && fields.image === dialog.image
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
        {dialog.isFromLink && <LinkNote text={t('link.run')} />}
        {isMissing && <MissingImage image={fields.image} />}
        <SimpleGrid cols={2}>
          <Select
            label={t('image')}
            data={[...new Set([...(dialog.image ? [dialog.image] : []), ...references])]}
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
        <ContainerFields fields={fields} set={set} image={fields.image} />
        {failure && <FailureNote failure={failure} fields={fields} set={(part) => (set(part), setFailure(null))} />}
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

/** A link may name an image that is not here; it is pulled first, when that is wanted. */
function MissingImage({ image }: { readonly image: string }) {
  const { t } = useTranslation()
  return (
    <div className="error-note" data-testid="run-missing">
      {t('link.missing', { image })}
      <Button
        size="compact-xs"
        variant="default"
        display="block"
        mt={8}
        onClick={() => useDialog.getState().show({ type: 'pull', image })}
      >
        {t('pull.open')}
      </Button>
    </div>
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
