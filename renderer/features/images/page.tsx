import { Button } from '@mantine/core'
import { IconCloudDownload, IconFileImport } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { imageList } from '../../app/queries.ts'
import { DataGrid } from '../../components/data-grid.tsx'
import { type Activity, useActivity } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'
import { useView } from '../../state/view.ts'
import { ActivityCard } from '../activity/page.tsx'
import { askRemove, nameOfImage } from './actions.ts'
import { imageColumns } from './columns.tsx'
import { FirstImage, pickArchives } from './first-image.tsx'
import { ImagePane } from './pane.tsx'

const TRANSFERS: ReadonlySet<Activity['kind']> = new Set(['import', 'pull', 'push', 'save'])

/** Images, and what is being imported. */
export function ImagesPage() {
  const { t } = useTranslation()
  const { data: images } = useQuery(imageList)
  const { filter, opened, open } = useView()
  const items = useActivity((activity) => activity.items)
  const imports = items.filter(({ kind, isPast }) => TRANSFERS.has(kind) && !isPast).slice(0, 4)
  const columns = useMemo(() => imageColumns(t, (image) => askRemove([image])), [t])
  const wanted = filter.trim().toLowerCase()
  const shown = useMemo(
    () =>
      (images ?? []).filter(
        ({ references, id }) =>
          wanted === '' || [...references, id].some((text) => text.toLowerCase().includes(wanted)),
      ),
    [images, wanted],
  )
  const current = images?.find(({ id }) => id === opened.images)
  return (
    <>
      <div className="page-main">
        <div className="page-head">
          <h1>{t('page.images')}</h1>
          <Button variant="default" leftSection={<IconFileImport size={14} />} onClick={pickArchives}>
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
