import { SegmentedControl } from '@mantine/core'
import { IconCloudUpload, IconDeviceFloppy, IconPlayerPlay, IconX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ImageSummary } from '../../../engine/contract/image.ts'
import { imageDetail } from '../../app/queries.ts'
import { IconButton } from '../../components/icon-button.tsx'
import { formatBytes } from '../../lib/format.ts'
import { pushImage } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'
import { useView } from '../../state/view.ts'
import { pickAndSave } from './actions.ts'
import { LayerList } from './layer-files.tsx'
import { ConfigTab, HistoryTab, NamesTab, UsedBy } from './tabs.tsx'

const TABS = ['layers', 'config', 'history', 'names'] as const
type Tab = (typeof TABS)[number]

/** One image beside the list: its layers and their files, its config, how it was made, its names and digests. */
export function ImagePane({ image }: { readonly image: ImageSummary }) {
  const { t } = useTranslation()
  const { open } = useView()
  const [tab, setTab] = useState<Tab>('layers')
  const { data: detail } = useQuery(imageDetail(image.id))
  const [first] = image.references
  const name = first ?? image.id.slice(7, 19)
  return (
    <aside className="detail" aria-label={name} data-testid="detail">
      <div className="detail-head">
        <h2 title={image.references.join(', ') || image.id}>{name}</h2>
        <IconButton
          label={`${t('run')}: ${name}`}
          Icon={IconPlayerPlay}
          onClick={() => useDialog.getState().show({ type: 'run', image: first ?? image.id })}
        />
        <IconButton
          label={`${t('pull.push')}: ${name}`}
          Icon={IconCloudUpload}
          isDisabled={!first}
          onClick={() => void pushImage(name)}
        />
        <IconButton
          label={t('saveImage')}
          Icon={IconDeviceFloppy}
          testId="image-save"
          onClick={() => void pickAndSave(image)}
        />
        <IconButton label={t('close')} Icon={IconX} onClick={() => open('images', image.id)} />
      </div>
      <p className="detail-sub">
        {image.os}/{image.architecture} · {formatBytes(image.sizeBytes)} ·{' '}
        {image.usedBy.length === 0 ? t('images.unused') : t('usedBy')} <UsedBy ids={image.usedBy} />
      </p>
      <SegmentedControl
        mx={16}
        value={tab}
        onChange={(value) => setTab(value as Tab)}
        data={TABS.map((value) => ({ value, label: t(`images.tab.${value}`) }))}
        aria-label={t('images.tabs')}
        data-testid="image-tabs"
      />
      <div className="detail-body" style={{ marginTop: 10 }}>
        {detail && tab === 'layers' && <LayerList key={detail.id} image={detail} />}
        {detail && tab === 'config' && <ConfigTab image={detail} />}
        {detail && tab === 'history' && <HistoryTab image={detail} />}
        {detail && tab === 'names' && <NamesTab image={detail} />}
      </div>
    </aside>
  )
}
