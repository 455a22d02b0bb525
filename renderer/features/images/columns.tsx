import { IconCloudUpload, IconPlayerPlay, IconTag, IconTrash } from '@tabler/icons-react'
import type { TFunction } from 'i18next'
import type { ImageSummary } from '../../../engine/contract/image.ts'
import type { Column } from '../../components/data-grid.tsx'
import { Elapsed } from '../../components/elapsed.tsx'
import { IconButton } from '../../components/icon-button.tsx'
import { formatBytes } from '../../lib/format.ts'
import { pushImage } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'
import { nameOfImage } from './actions.ts'

/** `host:5000/a/b:tag` as its repository and its tag; `['', '']` for an image without a name. */
function splitName({ references: [first = ''] }: ImageSummary): readonly [repository: string, tag: string] {
  const colon = first.lastIndexOf(':')
  return colon > first.lastIndexOf('/') ? [first.slice(0, colon), first.slice(colon + 1)] : [first, '']
}

/** The columns of the list of images. */
export function imageColumns(t: TFunction, onRemove: (image: ImageSummary) => void): readonly Column<ImageSummary>[] {
  return [
    {
      key: 'name',
      label: t('images.repository'),
      width: 'minmax(130px, 2fr)',
      sortBy: nameOfImage,
      render: (image) =>
        image.references.length > 0 ? (
          <span className="strong" title={image.references.join('\n')}>
            {splitName(image)[0]}
            {image.references.length > 1 && <span className="quiet more">+{image.references.length - 1}</span>}
          </span>
        ) : (
          <span className="quiet">{t('unnamed')}</span>
        ),
    },
    {
      key: 'tag',
      label: t('images.tag'),
      width: 'minmax(60px, 0.7fr)',
      sortBy: (image) => splitName(image)[1],
      render: (image) => <span className="mono">{splitName(image)[1]}</span>,
    },
    {
      key: 'id',
      label: 'ID',
      width: '104px',
      from: 880,
      render: ({ id }) => <span className="mono">{id.slice(7, 19)}</span>,
    },
    {
      key: 'created',
      label: t('created'),
      width: '100px',
      from: 760,
      sortBy: ({ createdAt }) => createdAt,
      render: ({ createdAt }) => (
        <span className="quiet">{Date.parse(createdAt) > 0 ? <Elapsed since={createdAt} /> : '–'}</span>
      ),
    },
    {
      key: 'usedBy',
      label: t('usedBy'),
      width: '92px',
      sortBy: ({ usedBy }) => usedBy.length,
      render: ({ usedBy }) => (
        <span className="quiet">{usedBy.length ? t('containerCount', { count: usedBy.length }) : '–'}</span>
      ),
    },
    {
      key: 'size',
      label: t('size'),
      width: '72px',
      isNumber: true,
      sortBy: ({ sizeBytes }) => sizeBytes,
      render: ({ sizeBytes }) => formatBytes(sizeBytes),
    },
    {
      key: 'shared',
      label: t('images.shared'),
      width: '72px',
      isNumber: true,
      sortBy: ({ sharedBytes }) => sharedBytes,
      render: ({ sharedBytes }) => <span className="quiet">{sharedBytes ? formatBytes(sharedBytes) : '–'}</span>,
    },
    {
      key: 'actions',
      label: t('actions'),
      width: '124px',
      render: (image) => <Actions image={image} t={t} onRemove={onRemove} />,
    },
  ]
}

interface ActionsProps {
  readonly image: ImageSummary
  readonly t: TFunction
  readonly onRemove: (image: ImageSummary) => void
}

function Actions({ image, t, onRemove }: ActionsProps) {
  const name = nameOfImage(image)
  const { show } = useDialog.getState()
  return (
    <div style={{ display: 'flex' }}>
      <IconButton
        label={`${t('run')}: ${name}`}
        Icon={IconPlayerPlay}
        testId="image-run"
        onClick={() => show({ type: 'run', image: image.references[0] ?? image.id })}
      />
      <IconButton
        label={`${t('pull.tag')}: ${name}`}
        Icon={IconTag}
        testId="image-tag"
        onClick={() => show({ type: 'tag', id: image.id, name })}
      />
      <IconButton
        label={`${t('pull.push')}: ${name}`}
        Icon={IconCloudUpload}
        testId="image-push"
        isDisabled={image.references.length === 0}
        onClick={() => void pushImage(name)}
      />
      <IconButton
        label={`${t('verb.remove')}: ${name}`}
        Icon={IconTrash}
        testId="image-remove"
        onClick={() => onRemove(image)}
      />
    </div>
  )
}
