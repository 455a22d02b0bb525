import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { NetworkSummary } from '../../../engine/contract/network.ts'
import { systemInfo } from '../../app/queries.ts'
import { Facts, mono } from '../../components/facts.tsx'
import { buildNetwork } from './by-hand.ts'
import { showNetwork } from './commands.ts'
import { Commands, Rules } from './shell-text.tsx'

/** What a network is made of, and how. */
export function AboutNetwork({ network }: { readonly network: NetworkSummary }) {
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
      {network.interface && <Rules of="network" id={network.id} />}
      {info && <Commands title={t('topology.see')} commands={showNetwork(network, info)} />}
      {info && <Commands title={t('topology.build')} commands={buildNetwork(network, info)} />}
    </>
  )
}
