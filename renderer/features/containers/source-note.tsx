import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { ContainerSummary } from '../../../engine/contract/container.ts'
import { networkList, systemInfo } from '../../app/queries.ts'

/** Says where a container cannot see who its clients are: behind the proxy all of them have the bridge's address. */
export function SourceNote({ container }: { readonly container: ContainerSummary }) {
  const { t } = useTranslation()
  const { data: info } = useQuery(systemInfo)
  const { data: networks = [] } = useQuery(networkList)
  const published = container.ports.filter(({ hostPort }) => hostPort > 0)
  if (!info || published.length === 0) return null
  const place = networks.find(({ endpoints }) => endpoints.some(({ containerId }) => containerId === container.id))
  const address = place?.gateway || place?.ipv6Gateway || ''
  const own = place?.endpoints.find(({ containerId }) => containerId === container.id)
  // Rules translate within a version of IP; what comes by the other goes through the proxy.
  const isCrossed = published.some(({ hostIp }) => hostIp.includes(':')) && !own?.ipv6Address
  if (info.mode === 'rootful' && !isCrossed) return null
  return (
    <p className="quiet source-note" data-testid="source-note">
      {t(info.mode === 'rootless' ? 'reach.sourceRootless' : 'reach.sourceCrossed', { address })}
    </p>
  )
}
