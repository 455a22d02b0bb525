import { Button, Group, Modal, TextInput } from '@mantine/core'
import { IconCloudDownload, IconSearch, IconStarFilled } from '@tabler/icons-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { SearchResult } from '../../../engine/contract/registry.ts'
import { api } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'
import { pullImage } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'
import { useView } from '../../state/view.ts'
import { LinkNote } from '../desktop/link-note.tsx'

/** Asks for an image by its name, or finds one by a search. The pull goes on in Activity. */
export function PullDialog() {
  const { t } = useTranslation()
  const { dialog, close } = useDialog()
  if (dialog?.type !== 'pull') return null
  return (
    <Modal opened onClose={close} size={640} title={t('pull.open')} closeButtonProps={{ 'aria-label': t('close') }}>
      <PullForm key={dialog.image} image={dialog.image ?? ''} isFromLink={dialog.isFromLink === true} onDone={close} />
    </Modal>
  )
}

function PullForm({
  image,
  isFromLink,
  onDone,
}: {
  readonly image: string
  readonly isFromLink: boolean
  readonly onDone: () => void
}) {
  const { t } = useTranslation()
  const [text, setText] = useState(image)
  const [found, setFound] = useState<readonly SearchResult[] | null>(null)
  const [error, setError] = useState('')
  const [isBusy, setBusy] = useState(false)
  const pull = (reference: string) => {
    void pullImage(reference)
    useView.getState().show('images')
    onDone()
  }
  const search = () => {
    setBusy(true)
    setError('')
    api.registry
      .search({ term: text.trim() })
      .then(setFound, (cause: unknown) => setError(errorText(cause)))
      .finally(() => setBusy(false))
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault()
        if (text.trim()) pull(text.trim())
      }}
    >
      {isFromLink && <LinkNote text={t('link.pull')} />}
      <TextInput
        label={t('image')}
        description={t('pull.hint')}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        error={error}
        data-autofocus
        data-testid="pull-name"
      />
      <Group justify="flex-end" mt="md">
        <Button
          variant="default"
          leftSection={<IconSearch size={14} />}
          disabled={!text.trim()}
          loading={isBusy}
          data-testid="pull-search"
          onClick={search}
        >
          {t('pull.search')}
        </Button>
        <Button
          type="submit"
          leftSection={<IconCloudDownload size={14} />}
          disabled={!text.trim()}
          data-testid="pull-submit"
        >
          {t('pull.pull')}
        </Button>
      </Group>
      {found?.length === 0 && <p className="quiet">{t('pull.nothing')}</p>}
      {found?.map((result) => (
        <div key={result.name} className="card field-row" data-testid="search-result">
          <div style={{ flex: 1, minWidth: 0 }}>
            <span className="strong">{result.name}</span>{' '}
            {result.isOfficial && <span className="status">{t('pull.official')}</span>}
            <div className="quiet">{result.description}</div>
          </div>
          {result.stars > 0 && (
            <span className="quiet num" title={t('pull.stars')}>
              {result.stars} <IconStarFilled size={11} aria-hidden />
            </span>
          )}
          <Button size="compact-xs" onClick={() => pull(result.name)}>
            {t('pull.pull')}
          </Button>
        </div>
      ))}
    </form>
  )
}
