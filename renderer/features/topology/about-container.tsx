import { Button, Group } from '@mantine/core'
import { IconFileText, IconPlayerRecord, IconRoute, IconTerminal2 } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { ContainerSummary } from '../../../engine/contract/container.ts'
import { api } from '../../api/client.ts'
import { containerDetail, networkList, systemInfo } from '../../app/queries.ts'
import { Facts, mono } from '../../components/facts.tsx'
import { reportFailure } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'
import { useReach } from '../../state/reach.ts'
import { RunningCaptures } from '../capture/running.tsx'
import { canDo, openContainer, openDock } from '../containers/actions.ts'
import { PortList } from '../containers/ports.tsx'
import { SourceNote } from '../containers/source-note.tsx'
import { buildEndpoint } from './by-hand.ts'
import { showContainer, vethOf } from './commands.ts'
import { isBridged } from './edges.ts'
import { Commands, Rules } from './shell-text.tsx'

/** A container's places on networks, and how they are made. */
export function AboutContainer({ container }: { readonly container: ContainerSummary }) {
  const { t } = useTranslation()
  const { data: detail } = useQuery(containerDetail(container.id))
  const { data: info } = useQuery(systemInfo)
  const { data: networks = [] } = useQuery(networkList)
  const bridgeOf = (network: string) => networks.find((one) => one.name === network && isBridged(one))?.interface ?? ''
  const disconnect = (network: string) =>
    void api.network
      .disconnect({ id: network, container: container.id })
      .catch((error: unknown) => reportFailure(t('topology.disconnect'), error))
  return (
    <>
      <Group gap="xs" mb="md">
        <Button variant="default" onClick={() => openContainer(container.id)}>
          {t('topology.open')}
        </Button>
        <Button variant="default" leftSection={<IconFileText size={14} />} onClick={() => openDock('logs', container)}>
          {t('logs')}
        </Button>
        <Button
          variant="default"
          leftSection={<IconTerminal2 size={14} />}
          disabled={!canDo('exec', container)}
          onClick={() => openDock('exec', container)}
        >
          {t('terminal')}
        </Button>
        <Button
          variant="default"
          leftSection={<IconRoute size={14} />}
          onClick={() => useReach.getState().open(container.id)}
        >
          {t('path.ask')}
        </Button>
        <Button
          variant="default"
          leftSection={<IconPlayerRecord size={14} />}
          disabled={!canDo('exec', container) || container.networkMode === 'host'}
          data-testid="pane-capture"
          onClick={() => useDialog.getState().show({ type: 'capture', container })}
        >
          {t('capture.ask')}
        </Button>
      </Group>
      <RunningCaptures containerId={container.id} />
      <Facts
        facts={[
          [t('image'), container.image],
          [t('ports'), container.ports.length > 0 ? <Published key="ports" container={container} /> : ''],
        ]}
      />
      {detail?.networks.map((endpoint) => (
        <div key={endpoint.networkId} className="topo-endpoint">
          <Facts
            title={`${t('network')} ${endpoint.network}`}
            facts={[
              [t('interface'), mono(endpoint.interface)],
              [t('topology.veth'), bridgeOf(endpoint.network) && mono(vethOf(container.id, endpoint.interface))],
              [t('topology.bridge'), mono(bridgeOf(endpoint.network))],
              [t('address'), mono(endpoint.ipAddress && `${endpoint.ipAddress}/${endpoint.prefix}`)],
              ['IPv6', mono(endpoint.ipv6Address)],
              [t('gateway'), mono(endpoint.gateway)],
              ['MAC', mono(endpoint.macAddress)],
              [t('topology.names'), mono(endpoint.dnsNames.join(', '))],
            ]}
          />
          <Button mt={6} variant="subtle" size="compact-xs" onClick={() => disconnect(endpoint.networkId)}>
            {t('topology.disconnect')}
          </Button>
        </div>
      ))}
      {detail && detail.networks.length > 0 && <Rules of="container" id={container.id} />}
      {detail && info && <Commands title={t('topology.see')} commands={showContainer(detail, info)} />}
      {detail &&
        info &&
        detail.networks.map((endpoint) => {
          const network = networks.find(({ name }) => name === endpoint.network)
          return (
            network && (
              <Commands
                key={endpoint.networkId}
                title={t('topology.buildOn', { network: endpoint.network })}
                commands={buildEndpoint(detail, { endpoint, network }, info)}
              />
            )
          )
        })}
    </>
  )
}

function Published({ container }: { readonly container: ContainerSummary }) {
  return (
    <>
      <PortList container={container} />
      <SourceNote container={container} />
    </>
  )
}
