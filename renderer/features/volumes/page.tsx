import { Button, Group, Modal, TextInput } from '@mantine/core'
import { IconDatabase, IconPlus, IconTrash } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { TFunction } from 'i18next'
import { useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { VolumeSummary } from '../../../engine/contract/volume.ts'
import { api } from '../../api/client.ts'
import { errorText } from '../../api/error-text.ts'
import { volumeList, volumeSizes } from '../../app/queries.ts'
import { type Column, DataGrid } from '../../components/data-grid.tsx'
import { Elapsed } from '../../components/elapsed.tsx'
import { Empty } from '../../components/empty.tsx'
import { IconButton } from '../../components/icon-button.tsx'
import { formatBytes } from '../../lib/format.ts'
import { useDialog } from '../../state/dialog.ts'
import { useView } from '../../state/view.ts'
import { measureAndAsk } from '../disk/clean-up.ts'
import { askRemove } from './actions.ts'
import { VolumePane } from './pane.tsx'

type Sizes = Readonly<Record<string, number>>

/** Volumes: what they are called, where they are, who uses them. */
export function VolumesPage() {
  const { t } = useTranslation()
  const { data: volumes } = useQuery(volumeList)
  const { data: sizes } = useQuery(volumeSizes)
  const { filter, opened, open } = useView()
  const { dialog, show, close } = useDialog()
  const columns = useMemo(() => volumeColumns(t, sizes), [t, sizes])
  const wanted = filter.trim().toLowerCase()
  const create = (
    <Button
      leftSection={<IconPlus size={14} />}
      data-testid="volume-create"
      onClick={() => show({ type: 'create-volume' })}
    >
      {t('createVolume')}
    </Button>
  )
  const current = volumes?.find(({ name }) => name === opened.volumes)
  return (
    <>
      <div className="page-main">
        <div className="page-head">
          <h1>{t('page.volumes')}</h1>
          <Button
            variant="default"
            leftSection={<IconTrash size={14} />}
            data-testid="volume-prune"
            disabled={!volumes?.some(({ usedBy }) => usedBy.length === 0)}
            onClick={() => void measureAndAsk('volumes', t)}
          >
            {t('disk.cleanUpVerb')}
          </Button>
          {create}
        </div>
        {volumes?.length === 0 && <Empty Icon={IconDatabase} title={t('noVolumes')} text={t('noVolumesHint')} />}
        {volumes && volumes.length > 0 && (
          <DataGrid
            label={t('page.volumes')}
            items={volumes.filter(({ name }) => name.toLowerCase().includes(wanted))}
            columns={columns}
            idOf={({ name }) => name}
            nameOf={({ name }) => name}
            rowProps={({ name }) => ({ 'data-testid': 'volume-row', 'data-name': name })}
            openId={current?.name ?? ''}
            onOpen={({ name }) => open('volumes', name)}
            onDelete={(items) => askRemove(items)}
          />
        )}
        {dialog?.type === 'create-volume' && <CreateVolume onClose={close} />}
      </div>
      {current && <VolumePane volume={current} sizeBytes={sizes?.[current.name]} />}
    </>
  )
}

function volumeColumns(t: TFunction, sizes: Sizes = {}): readonly Column<VolumeSummary>[] {
  return [
    {
      key: 'name',
      label: t('name'),
      width: 'minmax(140px, 1.4fr)',
      sortBy: ({ name }) => name,
      render: ({ name, anonymous }) =>
        anonymous ? <span className="mono">{name.slice(0, 16)}…</span> : <span className="strong">{name}</span>,
    },
    {
      key: 'created',
      label: t('created'),
      width: '110px',
      sortBy: ({ createdAt }) => createdAt,
      render: ({ createdAt }) => (
        <span className="quiet">
          <Elapsed since={createdAt} />
        </span>
      ),
    },
    {
      key: 'usedBy',
      label: t('usedBy'),
      width: '120px',
      sortBy: ({ usedBy }) => usedBy.length,
      render: ({ usedBy }) => (
        <span className="quiet">{usedBy.length ? t('containerCount', { count: usedBy.length }) : '–'}</span>
      ),
    },
    {
      key: 'size',
      label: t('size'),
      width: '80px',
      isNumber: true,
      sortBy: ({ name }) => sizes[name] ?? 0,
      render: ({ name }) => (sizes[name] === undefined ? '' : formatBytes(sizes[name])),
    },
    {
      key: 'mountpoint',
      label: t('mountpoint'),
      width: 'minmax(160px, 2fr)',
      from: 760,
      render: ({ mountpoint }) => (
        <span className="mono" title={mountpoint}>
          {mountpoint}
        </span>
      ),
    },
    {
      key: 'actions',
      label: t('actions'),
      width: '60px',
      render: (volume) => (
        <IconButton
          label={`${t('verb.remove')}: ${volume.name}`}
          Icon={IconTrash}
          testId="volume-remove"
          onClick={() => askRemove([volume])}
        />
      ),
    },
  ]
}

function CreateVolume({ onClose }: { readonly onClose: () => void }) {
  const { t } = useTranslation()
  const [name, setName] = useState('')
  const [error, setError] = useState('')
  return (
    <Modal opened onClose={onClose} title={t('createVolume')} closeButtonProps={{ 'aria-label': t('close') }}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          api.volume.create({ name: name.trim() }).then(onClose, (cause: unknown) => setError(errorText(cause)))
        }}
      >
        <TextInput
          label={t('name')}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={error}
          data-autofocus
          data-testid="volume-name"
        />
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={onClose}>
            {t('cancel')}
          </Button>
          <Button type="submit">{t('verb.create')}</Button>
        </Group>
      </form>
    </Modal>
  )
}
