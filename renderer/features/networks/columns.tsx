import { IconDots, IconPlugConnected, IconTrash } from '@tabler/icons-react'
import type { TFunction } from 'i18next'
import type { NetworkSummary } from '../../../engine/contract/network.ts'
import type { Column } from '../../components/data-grid.tsx'
import { mono } from '../../components/facts.tsx'
import { IconButton } from '../../components/icon-button.tsx'
import { askRemoveNetworks, canConnect, canRemove } from './actions.ts'

interface RowHandlers {
  readonly openMenu: (place: { readonly id: string; readonly x: number; readonly y: number }) => void
  readonly connect: (id: string) => void
}

/** Columns of the list of networks. */
export function networkColumns(t: TFunction, handlers: RowHandlers): readonly Column<NetworkSummary>[] {
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
      render: ({ driver, isInternal }) => (isInternal ? `${driver}, ${t('networks.internal')}` : driver),
    },
    { key: 'interface', label: t('interface'), width: '130px', render: (network) => mono(network.interface) },
    { key: 'subnet', label: t('subnet'), width: '140px', render: ({ subnet }) => mono(subnet) },
    { key: 'gateway', label: t('gateway'), width: '120px', render: ({ gateway }) => mono(gateway) },
    {
      key: 'containers',
      label: t('page.containers'),
      width: 'minmax(120px, 2fr)',
      sortBy: ({ endpoints }) => endpoints.length,
      render: ({ endpoints }) => (
        <span>{endpoints.map(({ name, ipAddress }) => `${name} ${ipAddress}`.trim()).join(', ') || '–'}</span>
      ),
    },
    {
      key: 'actions',
      label: t('actions'),
      width: '96px',
      render: (network) => <RowActions t={t} network={network} handlers={handlers} />,
    },
  ]
}

function RowActions({
  t,
  network,
  handlers,
}: {
  readonly t: TFunction
  readonly network: NetworkSummary
  readonly handlers: RowHandlers
}) {
  return (
    <div style={{ display: 'flex' }}>
      <IconButton
        label={t('networks.connectTitle', { name: network.name })}
        Icon={IconPlugConnected}
        testId="row-connect"
        isDisabled={!canConnect(network)}
        onClick={() => handlers.connect(network.id)}
      />
      <IconButton
        label={`${t('verb.remove')}: ${network.name}`}
        Icon={IconTrash}
        testId="row-remove"
        isDisabled={!canRemove(network)}
        onClick={() => askRemoveNetworks([network])}
      />
      <IconButton
        label={`${t('more')}: ${network.name}`}
        Icon={IconDots}
        testId="row-more"
        onClick={(event) => {
          const { left, bottom } = event.currentTarget.getBoundingClientRect()
          handlers.openMenu({ x: left, y: bottom, id: network.id })
        }}
      />
    </div>
  )
}
