import { useQuery } from '@tanstack/react-query'
import type { TFunction } from 'i18next'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { NetworkSummary } from '../../../engine/contract/network.ts'
import { containerList, networkList } from '../../app/queries.ts'
import { type Column, DataGrid } from '../../components/data-grid.tsx'
import { useView } from '../../state/view.ts'

/** Networks with their addresses and who is on them. */
export function NetworksPage() {
  const { t } = useTranslation()
  const { data: networks = [] } = useQuery(networkList)
  const { data: containers = [] } = useQuery(containerList)
  const { filter } = useView()
  const names = useMemo(() => new Map(containers.map(({ id, name }) => [id, name])), [containers])
  const columns = useMemo(() => networkColumns(t, names), [t, names])
  const wanted = filter.trim().toLowerCase()
  return (
    <div className="page-main">
      <div className="page-head">
        <h1>{t('page.networks')}</h1>
      </div>
      <DataGrid
        label={t('page.networks')}
        items={networks.filter(({ name }) => name.toLowerCase().includes(wanted))}
        columns={columns}
        idOf={({ id }) => id}
        nameOf={({ name }) => name}
        rowProps={({ name }) => ({ 'data-testid': 'network-row', 'data-name': name })}
      />
    </div>
  )
}

function networkColumns(t: TFunction, names: ReadonlyMap<string, string>): readonly Column<NetworkSummary>[] {
  const mono = (text: string) => <span className="mono">{text}</span>
  return [
    {
      key: 'name',
      label: t('name'),
      width: 'minmax(100px, 1fr)',
      sortBy: ({ name }) => name,
      render: ({ name }) => <span className="strong">{name}</span>,
    },
    {
      key: 'driver',
      label: t('driver'),
      width: '90px',
      sortBy: ({ driver }) => driver,
      render: ({ driver }) => driver,
    },
    { key: 'interface', label: t('interface'), width: '120px', render: (network) => mono(network.interface) },
    { key: 'subnet', label: t('subnet'), width: '140px', render: ({ subnet }) => mono(subnet) },
    { key: 'gateway', label: t('gateway'), width: '120px', render: ({ gateway }) => mono(gateway) },
    {
      key: 'containers',
      label: t('page.containers'),
      width: 'minmax(140px, 2fr)',
      sortBy: ({ endpoints }) => endpoints.length,
      render: ({ endpoints }) => (
        <span>
          {endpoints
            .map(({ containerId, ipAddress }) => `${names.get(containerId) ?? containerId.slice(0, 12)} ${ipAddress}`)
            .join(', ') || '–'}
        </span>
      ),
    },
  ]
}
