import { Button } from '@mantine/core'
import {
  IconCloudDownload,
  IconCloudUpload,
  IconFileImport,
  IconPlayerPlay,
  IconTag,
  IconTrash,
} from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { TFunction } from 'i18next'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { ImageSummary } from '../../../engine/contract/image.ts'
import { imageList } from '../../app/queries.ts'
import { type Column, DataGrid } from '../../components/data-grid.tsx'
import { Elapsed } from '../../components/elapsed.tsx'
import { IconButton } from '../../components/icon-button.tsx'
import { formatBytes } from '../../lib/format.ts'
import { pushImage, useActivity } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'
import { useView } from '../../state/view.ts'
import { ActivityCard } from '../activity/page.tsx'
import { askRemove, nameOfImage } from './actions.ts'
import { FirstImage, pickArchives } from './first-image.tsx'
import { ImagePane } from './pane.tsx'

/** Images, and what is being imported. */
export function ImagesPage() {
  const { t } = useTranslation()
  const { data: images } = useQuery(imageList)
  const { filter, opened, open } = useView()
  const items = useActivity((activity) => activity.items)
  const imports = items.filter(({ kind }) => kind !== 'failure').slice(0, 4)
  const columns = useMemo(() => imageColumns(t), [t])
  const wanted = filter.trim().toLowerCase()
  const shown = (images ?? []).filter(
    ({ references, id }) => wanted === '' || [...references, id].some((text) => text.toLowerCase().includes(wanted)),
  )
  const current = images?.find(({ id }) => id === opened.images)
  return (
    <>
      <div className="page-main">
        <div className="page-head">
          <h1>{t('page.images')}</h1>
          <Button variant="default" leftSection={<IconFileImport size={14} />} onClick={() => void pickArchives()}>
            {t('import')}
          </Button>
          <Button
            leftSection={<IconCloudDownload size={14} />}
            data-testid="pull-open"
            onClick={() => useDialog.getState().show({ type: 'pull' })}
          >
            {t('pull.open')}
          </Button>
        </div>
        {imports.length > 0 && (
          <div style={{ padding: '0 16px 12px' }}>
            {imports.map((item) => (
              <ActivityCard key={item.id} item={item} />
            ))}
          </div>
        )}
        {images?.length === 0 && <FirstImage />}
        {images && images.length > 0 && (
          <DataGrid
            label={t('page.images')}
            items={shown}
            columns={columns}
            idOf={({ id }) => id}
            nameOf={nameOfImage}
            rowProps={(image) => ({ 'data-testid': 'image-row', 'data-reference': nameOfImage(image) })}
            openId={current?.id ?? ''}
            onOpen={({ id }) => open('images', id)}
            onDelete={(chosen) => askRemove(chosen)}
          />
        )}
      </div>
      {current && <ImagePane image={current} />}
    </>
  )
}

function imageColumns(t: TFunction): readonly Column<ImageSummary>[] {
  return [
    {
      key: 'name',
      label: t('name'),
      width: 'minmax(140px, 2fr)',
      sortBy: nameOfImage,
      render: (image) => (
        <span className="strong" title={image.references.join(', ')}>
          {image.references.join(', ') || t('unnamed')}
        </span>
      ),
    },
    {
      key: 'id',
      label: 'ID',
      width: '110px',
      render: ({ id }) => <span className="mono">{id.slice(7, 19)}</span>,
    },
    {
      key: 'created',
      label: t('created'),
      width: '110px',
      sortBy: ({ createdAt }) => createdAt,
      render: ({ createdAt }) => (
        <span className="quiet">{Date.parse(createdAt) > 0 ? <Elapsed since={createdAt} /> : '–'}</span>
      ),
    },
    {
      key: 'usedBy',
      label: t('usedBy'),
      width: '110px',
      sortBy: ({ usedBy }) => usedBy.length,
      render: ({ usedBy }) => (
        <span className="quiet">{usedBy.length ? t('containerCount', { count: usedBy.length }) : '–'}</span>
      ),
    },
    {
      key: 'layers',
      label: t('layers'),
      width: '60px',
      isNumber: true,
      sortBy: ({ layerCount }) => layerCount,
      render: ({ layerCount }) => layerCount,
    },
    {
      key: 'size',
      label: t('size'),
      width: '80px',
      isNumber: true,
      sortBy: ({ sizeBytes }) => sizeBytes,
      render: ({ sizeBytes }) => formatBytes(sizeBytes),
    },
    {
      key: 'actions',
      label: t('actions'),
      width: '124px',
      render: (image) => (
        <div style={{ display: 'flex' }}>
          <IconButton
            label={`${t('run')}: ${nameOfImage(image)}`}
            Icon={IconPlayerPlay}
            testId="image-run"
            onClick={() => useDialog.getState().show({ type: 'run', image: image.references[0] ?? image.id })}
          />
          <IconButton
            label={`${t('pull.tag')}: ${nameOfImage(image)}`}
            Icon={IconTag}
            testId="image-tag"
            onClick={() => useDialog.getState().show({ type: 'tag', id: image.id, name: nameOfImage(image) })}
          />
          <IconButton
            label={`${t('pull.push')}: ${nameOfImage(image)}`}
            Icon={IconCloudUpload}
            testId="image-push"
            isDisabled={image.references.length === 0}
            onClick={() => void pushImage(nameOfImage(image))}
          />
          <IconButton
            label={`${t('verb.remove')}: ${nameOfImage(image)}`}
            Icon={IconTrash}
            testId="image-remove"
            onClick={() => askRemove([image])}
          />
        </div>
      ),
    },
  ]
}
