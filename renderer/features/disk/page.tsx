import { Button } from '@mantine/core'
import { IconRefresh } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import type { TFunction } from 'i18next'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { DiskUsage } from '../../../engine/contract/system.ts'
import { errorText } from '../../api/error-text.ts'
import { diskUsage } from '../../app/queries.ts'
import { type Column, DataGrid } from '../../components/data-grid.tsx'
import { formatBytes } from '../../lib/format.ts'
import { useView } from '../../state/view.ts'
import { askCleanUp, type CleanUp, freedBy, stoppedContainers, unusedVolumes } from './clean-up.ts'
import { type DiskObject, diskObjects, shareOf } from './objects.ts'

/** What the disk is full of, what would free it, and the largest things by name. */
export function DiskPage() {
  const { t } = useTranslation()
  const { data: usage, error, isFetching, refetch } = useQuery(diskUsage)
  return (
    <div className="page-main">
      <div className="page-head">
        <h1>{t('page.disk')}</h1>
        <Button
          variant="default"
          leftSection={<IconRefresh size={14} />}
          loading={isFetching}
          data-testid="disk-refresh"
          onClick={() => void refetch()}
        >
          {t('disk.measure')}
        </Button>
      </div>
      {error && <div className="error-note disk-part">{errorText(error)}</div>}
      {!usage && isFetching && <p className="status disk-part">{t('disk.measuring')}</p>}
      {usage && (
        <>
          <Shares usage={usage} />
          <CleanUps usage={usage} />
          <Objects usage={usage} />
        </>
      )}
    </div>
  )
}

function Shares({ usage }: { readonly usage: DiskUsage }) {
  const { t } = useTranslation()
  const shares = shareOf(usage)
  const total = shares.reduce((sum, { bytes }) => sum + bytes, 0)
  return (
    <section className="disk-part" aria-label={t('disk.shares')}>
      <p className="disk-total" data-testid="disk-total">
        {t('disk.total', { size: formatBytes(total) })}
      </p>
      <div className="disk-bar" aria-hidden>
        {shares.map(({ kind, bytes }) => (
          <span key={kind} data-kind={kind} style={{ flexGrow: bytes }} />
        ))}
      </div>
      <ul className="disk-legend">
        {shares.map(({ kind, bytes }) => (
          <li key={kind} data-testid={`disk-${kind}`}>
            <span className="disk-swatch" data-kind={kind} aria-hidden />
            {t(`disk.kind.${kind}`)} <span className="strong">{formatBytes(bytes)}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function CleanUps({ usage }: { readonly usage: DiskUsage }) {
  const { t } = useTranslation()
  const counts: Readonly<Record<CleanUp, number>> = {
    dangling: usage.images.filter(({ references, usedBy }) => references.length + usedBy.length === 0).length,
    unused: usage.images.filter(({ usedBy }) => usedBy.length === 0).length,
    containers: stoppedContainers(usage).length,
    volumes: unusedVolumes(usage).length,
  }
  return (
    <section className="disk-part disk-clean" aria-label={t('disk.cleanUp')}>
      {(Object.keys(counts) as CleanUp[]).map((what) => (
        <div key={what} className="card disk-card">
          <span className="strong">{t(`disk.${what}`)}</span>
          <span className="quiet">{t(`disk.${what}Hint`)}</span>
          <span>{t('disk.frees', { count: counts[what], size: formatBytes(freedBy(usage, what)) })}</span>
          <Button
            variant="default"
            disabled={counts[what] === 0}
            data-testid={`clean-${what}`}
            onClick={() => void askCleanUp(usage, what, t)}
          >
            {t('disk.cleanUp')}
          </Button>
        </div>
      ))}
    </section>
  )
}

function Objects({ usage }: { readonly usage: DiskUsage }) {
  const { t } = useTranslation()
  const { filter, show, open } = useView()
  const columns = useMemo(() => objectColumns(t), [t])
  const wanted = filter.trim().toLowerCase()
  const objects = useMemo(() => diskObjects(usage), [usage])
  return (
    <DataGrid
      label={t('disk.largest')}
      items={objects.filter(({ name }) => name.toLowerCase().includes(wanted))}
      columns={columns}
      idOf={({ kind, id }) => `${kind} ${id}`}
      nameOf={({ name }) => name}
      rowProps={({ kind, name }) => ({ 'data-testid': 'disk-row', 'data-kind': kind, 'data-name': name })}
      onOpen={({ page, id }) => {
        show(page)
        open(page, id)
      }}
    />
  )
}

function objectColumns(t: TFunction): readonly Column<DiskObject>[] {
  return [
    {
      key: 'name',
      label: t('name'),
      width: 'minmax(160px, 2fr)',
      sortBy: ({ name }) => name,
      render: ({ name }) => <span className="strong">{name}</span>,
    },
    {
      key: 'kind',
      label: t('disk.what'),
      width: '120px',
      sortBy: ({ kind }) => kind,
      render: ({ kind }) => t(`disk.object.${kind}`),
    },
    {
      key: 'size',
      label: t('size'),
      width: '110px',
      isNumber: true,
      sortBy: ({ bytes }) => bytes,
      render: ({ bytes }) => formatBytes(bytes),
    },
    {
      key: 'shared',
      label: t('disk.shared'),
      width: '130px',
      isNumber: true,
      sortBy: ({ sharedBytes }) => sharedBytes,
      render: ({ sharedBytes }) => <span className="quiet">{sharedBytes > 0 ? formatBytes(sharedBytes) : '–'}</span>,
    },
    {
      key: 'use',
      label: t('disk.inUse'),
      width: '120px',
      sortBy: ({ isUsed }) => Number(isUsed),
      render: ({ isUsed }) => <span className="quiet">{t(isUsed ? 'disk.used' : 'disk.free')}</span>,
    },
  ]
}
