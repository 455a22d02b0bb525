import { IconX } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { IconButton } from '../../components/icon-button.tsx'
import { Status } from '../../components/status.tsx'
import { AboutContainer } from './about-container.tsx'
import { AboutHost, AboutOutside } from './about-host.tsx'
import { AboutNetwork } from './about-network.tsx'
import { AboutProject } from './about-project.tsx'
import type { GraphNode } from './graph.ts'
import { titleOf } from './nodes.tsx'

/** What the chosen node is made of, and the commands that show it. */
export function TopologyPane({ node, onClose }: { readonly node: GraphNode; readonly onClose: () => void }) {
  const { t } = useTranslation()
  const name = titleOf(node)
  return (
    <aside className="detail" aria-label={name} data-testid="topology-pane">
      <div className="detail-head">
        <h2>{name}</h2>
        {node.kind === 'container' && <Status container={node.container} />}
        <IconButton label={t('close')} Icon={IconX} onClick={onClose} />
      </div>
      <div className="detail-body">
        {'hints' in node &&
          node.hints.map((hint) => (
            <p key={hint} className="status" data-tone="warn" style={{ whiteSpace: 'normal' }}>
              {t(`topology.hints.${hint}`)}
            </p>
          ))}
        <About node={node} />
      </div>
    </aside>
  )
}

function About({ node }: { readonly node: GraphNode }) {
  switch (node.kind) {
    case 'container':
      return <AboutContainer container={node.container} />
    case 'network':
      return <AboutNetwork network={node.network} />
    case 'host':
      return <AboutHost node={node} />
    case 'outside':
      return <AboutOutside />
    case 'project':
      return <AboutProject node={node} />
  }
}
