import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { ContainerSummary } from '../../../engine/contract/container.ts'
import { containerList, networkList, systemInfo } from '../../app/queries.ts'
import { Facts, mono } from '../../components/facts.tsx'
import { openContainer } from '../containers/actions.ts'
import { PortList } from '../containers/ports.tsx'
import { SourceNote } from '../containers/source-note.tsx'
import { showHost } from './commands.ts'
import { hostAddressOf, isAlive, isOpen, isPublished } from './edges.ts'
import type { HostNode } from './graph.ts'
import { Commands } from './shell-text.tsx'

/** This machine: its addresses, its bridges, and what it lets in. */
export function AboutHost({ node: { machine } }: { readonly node: HostNode }) {
  const { t } = useTranslation()
  const { data: info } = useQuery(systemInfo)
  const { data: networks = [] } = useQuery(networkList)
  return (
    <>
      <Facts
        title={t('topology.interfaces')}
        facts={machine.interfaces.map(({ name, addresses }) => [name, mono(addresses.join('\n'))] as const)}
      />
      <Facts
        title={t('page.networks')}
        facts={networks
          .filter((network) => network.interface !== '')
          .map((network) => [network.name, mono(`${network.interface} ${hostAddressOf(network)}`.trim())] as const)}
      />
      <Published isWanted={isPublished} />
      {info?.mode === 'rootless' && <p className="quiet">{t('topology.innerNamespace')}</p>}
      {info && <Commands title={t('topology.see')} commands={showHost(info)} />}
    </>
  )
}

/** Whoever is beyond this machine: what they can reach. */
export function AboutOutside() {
  const { t } = useTranslation()
  return (
    <>
      <p className="quiet">{t('topology.outsideLead')}</p>
      <Published isWanted={(port) => isPublished(port) && isOpen(port)} />
    </>
  )
}

type Port = ContainerSummary['ports'][number]

/** The published ports of what runs, container by container. */
function Published({ isWanted }: { readonly isWanted: (port: Port) => boolean }) {
  const { t } = useTranslation()
  const { data: containers = [] } = useQuery(containerList)
  const published = containers
    .filter(({ status }) => isAlive(status))
    .map((container) => ({ ...container, ports: container.ports.filter(isWanted) }))
    .filter(({ ports }) => ports.length > 0)
  return (
    <>
      <h2 className="facts-title">{t('publish.title')}</h2>
      {published.length === 0 && <p className="quiet">{t('topology.nonePublished')}</p>}
      {published.map((container) => (
        <div key={container.id} className="topo-published">
          <button type="button" className="link strong" onClick={() => openContainer(container.id)}>
            {container.name}
          </button>
          <PortList container={container} />
          <SourceNote container={container} />
        </div>
      ))}
    </>
  )
}
