import { IconX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { VolumeSummary } from '../../../engine/contract/volume.ts'
import { containerList } from '../../app/queries.ts'
import { CopyLine } from '../../components/copy-line.tsx'
import { Elapsed } from '../../components/elapsed.tsx'
import { Facts } from '../../components/facts.tsx'
import { IconButton } from '../../components/icon-button.tsx'
import { formatBytes } from '../../lib/format.ts'
import { useView } from '../../state/view.ts'
import { openContainer } from '../containers/actions.ts'

/** One volume beside the list: where it is, what it is marked with, and who has it mounted. */
export function VolumePane({
  volume,
  sizeBytes,
}: {
  readonly volume: VolumeSummary
  readonly sizeBytes: number | undefined
}) {
  const { t } = useTranslation()
  const { data: containers = [] } = useQuery(containerList)
  const { name, createdAt, mountpoint, anonymous, labels, options, driver, usedBy } = volume
  return (
    <aside className="detail" aria-label={name} data-testid="volume-pane">
      <div className="detail-head">
        <h2 title={name}>{name}</h2>
        <IconButton label={t('close')} Icon={IconX} onClick={() => useView.getState().open('volumes', name)} />
      </div>
      <div className="detail-body">
        <Facts
          facts={[
            [t('created'), <Elapsed key="created" since={createdAt} />],
            [t('size'), sizeBytes === undefined ? '' : formatBytes(sizeBytes)],
            [t('mountpoint'), <CopyLine key="mountpoint" text={mountpoint} />],
            [t('driver'), driver],
            [t('volume.kind'), t(anonymous ? 'volume.anonymous' : 'volume.named')],
          ]}
        />
        <Facts title={t('networks.options')} facts={Object.entries(options)} />
        <Facts title={t('networks.labels')} facts={Object.entries(labels)} />
        <h2 className="facts-title">{t('usedBy')}</h2>
        {usedBy.length === 0 && <p className="quiet">{t('volume.nobody')}</p>}
        {containers
          .filter(({ id }) => usedBy.includes(id))
          .map(({ id, name: container, status }) => (
            <p key={id}>
              <button type="button" className="link" onClick={() => openContainer(id)}>
                {container}
              </button>{' '}
              <span className="quiet">{t(`status.${status}`)}</span>
            </p>
          ))}
      </div>
    </aside>
  )
}
