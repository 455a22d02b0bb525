import { Button } from '@mantine/core'
import { IconPlugConnected, IconPlugConnectedX, IconX } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { NetworkSummary } from '../../../engine/contract/network.ts'
import { Facts, mono } from '../../components/facts.tsx'
import { IconButton } from '../../components/icon-button.tsx'
import { useView } from '../../state/view.ts'
import { openContainer } from '../containers/actions.ts'
import { canConnect, disconnect } from './actions.ts'

const pairs = (record: Readonly<Record<string, string>>) =>
  Object.entries(record).map(([name, value]) => [name, mono(value)] as const)

/** A host, where it is, and its containers on the network. */
const peerFact = ({ name, address, containers }: NetworkSummary['peers'][number]) =>
  [
    name,
    <span key={address}>
      <span className="mono">{address}</span>
      <span className="quiet"> {containers.join(', ')}</span>
    </span>,
  ] as const

/** One network beside the list: its addresses, its options, and who is on it. */
export function NetworkPane({
  network,
  onConnect,
}: {
  readonly network: NetworkSummary
  readonly onConnect: () => void
}) {
  const { t } = useTranslation()
  return (
    <aside className="detail" aria-label={network.name} data-testid="network-pane">
      <div className="detail-head">
        <h2 title={network.id}>{network.name}</h2>
        <IconButton label={t('close')} Icon={IconX} onClick={() => useView.getState().open('networks', network.id)} />
      </div>
      <div className="detail-body">
        <Facts
          facts={[
            ['ID', mono(network.id.slice(0, 12))],
            [t('driver'), network.driver],
            [t('interface'), mono(network.interface)],
            [t('networks.internal'), network.isInternal ? t('topology.yes') : ''],
            [t('networks.scope'), network.scope === 'global' ? t('networks.scopeGlobal') : ''],
          ]}
        />
        <Facts
          title={t('networks.addresses')}
          facts={[
            [t('subnet'), mono(network.subnet)],
            [t('gateway'), mono(network.gateway)],
            [t('networks.ipRange'), mono(network.ipRange)],
            [t('networks.subnet6'), mono(network.ipv6Subnet)],
            [t('networks.gateway6'), mono(network.ipv6Gateway)],
            ...pairs(network.auxiliary),
          ]}
        />
        <Members network={network} onConnect={onConnect} />
        <Facts title={t('networks.peers')} facts={network.peers.map(peerFact)} />
        <Facts title={t('networks.options')} facts={pairs(network.options)} />
        <Facts title={t('networks.labels')} facts={pairs(network.labels)} />
      </div>
    </aside>
  )
}

function Members({ network, onConnect }: { readonly network: NetworkSummary; readonly onConnect: () => void }) {
  const { t } = useTranslation()
  return (
    <>
      <h2 className="facts-title">{t('page.containers')}</h2>
      {network.endpoints.length === 0 && <p className="quiet">{t('networks.nobody')}</p>}
      {network.endpoints.map((endpoint) => (
        <div className="field-row" key={endpoint.containerId} data-testid="network-member" data-name={endpoint.name}>
          <div style={{ flex: 1, minWidth: 0 }}>
            <button type="button" className="link strong" onClick={() => openContainer(endpoint.containerId)}>
              {endpoint.name}
            </button>
            <div className="quiet">
              <span className="mono">{addressesOf(endpoint) || t('networks.addressOnStart')}</span>
              {endpoint.interface && <span className="mono"> {endpoint.interface}</span>}
              {!endpoint.isRunning && ` · ${t('networks.notRunning')}`}
            </div>
          </div>
          <IconButton
            label={t('networks.disconnectOne', { name: endpoint.name, network: network.name })}
            Icon={IconPlugConnectedX}
            testId="network-disconnect"
            onClick={() => void disconnect(network, { id: endpoint.containerId, name: endpoint.name })}
          />
        </div>
      ))}
      {canConnect(network) && (
        <Button
          mt={6}
          size="compact-xs"
          variant="default"
          leftSection={<IconPlugConnected size={12} />}
          data-testid="network-connect"
          onClick={onConnect}
        >
          {t('networks.connect')}…
        </Button>
      )}
    </>
  )
}

function addressesOf({ ipAddress, prefix, ipv6Address, ipv6Prefix }: NetworkSummary['endpoints'][number]): string {
  return [ipAddress && `${ipAddress}/${prefix}`, ipv6Address && `${ipv6Address}/${ipv6Prefix}`]
    .filter(Boolean)
    .join(', ')
}
