import { Button, Group } from '@mantine/core'
import { IconFileText, IconPlayerRecord, IconRoute, IconTerminal2, IconX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { ContainerSummary } from '../../../engine/contract/container.ts'
import type { NetworkSummary } from '../../../engine/contract/network.ts'
import { api } from '../../api/client.ts'
import { containerDetail, networkList, systemInfo } from '../../app/queries.ts'
import { Facts } from '../../components/facts.tsx'
import { IconButton } from '../../components/icon-button.tsx'
import { Status } from '../../components/status.tsx'
import { reportFailure } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'
import { useReach } from '../../state/reach.ts'
import { useView } from '../../state/view.ts'
import { RunningCaptures } from '../capture/running.tsx'
import { canDo, openDock } from '../containers/actions.ts'
import { Ports } from '../containers/ports.tsx'
import { buildEndpoint, buildNetwork } from './by-hand.ts'
import { type Command, showContainer, showNetwork, vethOf } from './commands.ts'
import type { ContainerNode, NetworkNode } from './graph.ts'

const mono = (text: string) => (text ? <span className="mono">{text}</span> : '')

/** What the chosen node is made of, and the commands that show it. */
export function TopologyPane({
  node,
  onClose,
}: {
  readonly node: ContainerNode | NetworkNode
  readonly onClose: () => void
}) {
  const { t } = useTranslation()
  const name = node.kind === 'container' ? node.container.name : node.network.name
  return (
    <aside className="detail" aria-label={name} data-testid="topology-pane">
      <div className="detail-head">
        <h2>{name}</h2>
        {node.kind === 'container' && <Status container={node.container} />}
        <IconButton label={t('close')} Icon={IconX} onClick={onClose} />
      </div>
      <div className="detail-body">
        {node.hints.map((hint) => (
          <p key={hint} className="status" data-tone="warn" style={{ whiteSpace: 'normal' }}>
            {t(`topology.hints.${hint}`)}
          </p>
        ))}
        {node.kind === 'container' ? (
          <AboutContainer container={node.container} />
        ) : (
          <AboutNetwork network={node.network} />
        )}
      </div>
    </aside>
  )
}

function AboutContainer({ container }: { readonly container: ContainerSummary }) {
  const { t } = useTranslation()
  const { data: detail } = useQuery(containerDetail(container.id))
  const { data: info } = useQuery(systemInfo)
  const { data: networks = [] } = useQuery(networkList)
  const bridgeOf = (network: string) =>
    networks.find(({ name, driver }) => name === network && (driver === 'bridge' || driver === 'overlay'))?.interface ??
    ''
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
          [t('ports'), container.ports.length > 0 ? <Ports key="ports" container={container} /> : ''],
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

function AboutNetwork({ network }: { readonly network: NetworkSummary }) {
  const { t } = useTranslation()
  const { data: info } = useQuery(systemInfo)
  return (
    <>
      <Facts
        facts={[
          [t('driver'), network.driver],
          [t('interface'), mono(network.interface)],
          [t('subnet'), mono(network.subnet)],
          [t('gateway'), mono(network.gateway)],
          ['IPv6', mono(network.ipv6Subnet)],
          [t('topology.internal'), network.isInternal ? t('topology.yes') : ''],
          ...Object.entries(network.options).map(([key, value]) => [key, mono(value)] as const),
        ]}
      />
      <Facts
        title={t('page.containers')}
        facts={network.endpoints.map(({ name, ipAddress }) => [name, mono(ipAddress)] as const)}
      />
      {info?.mode === 'rootless' && network.interface && <p className="quiet">{t('topology.innerNamespace')}</p>}
      {info && <Commands title={t('topology.see')} commands={showNetwork(network, info)} />}
      {info && <Commands title={t('topology.build')} commands={buildNetwork(network, info)} />}
    </>
  )
}

function Commands({ title, commands }: { readonly title: string; readonly commands: readonly Command[] }) {
  const { t } = useTranslation()
  if (commands.length === 0) return null
  const text = commands.map(({ note, line }) => `# ${t(`topology.commands.${note}`)}\n${line}`).join('\n')
  return (
    <>
      <h2 className="facts-title">{title}</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard */}
      <pre className="commands" tabIndex={0}>
        {text}
      </pre>
      <Button
        mt={6}
        variant="subtle"
        size="compact-xs"
        onClick={() => void navigator.clipboard.writeText(commands.map(({ line }) => line).join('\n'))}
      >
        {t('topology.copy')}
      </Button>
    </>
  )
}

/** Shows a container on its own page. */
export const openContainer = (id: string): void => useView.getState().reveal('containers', id)
