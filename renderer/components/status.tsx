import {
  IconAlertTriangle,
  IconCircleDashed,
  IconCircleFilled,
  IconPlayerPauseFilled,
  IconRefresh,
  IconSquare,
} from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import type { ContainerSummary } from '../../engine/contract/container.ts'

const LOOKS = {
  created: { tone: 'quiet', Icon: IconCircleDashed },
  running: { tone: 'good', Icon: IconCircleFilled },
  paused: { tone: 'warn', Icon: IconPlayerPauseFilled },
  restarting: { tone: 'warn', Icon: IconRefresh },
  exited: { tone: 'quiet', Icon: IconSquare },
  dead: { tone: 'bad', Icon: IconAlertTriangle },
  removing: { tone: 'quiet', Icon: IconCircleDashed },
} as const

/** What a container's state looks like: one that failed or is unhealthy looks dead. */
export function lookOf({ status, exitCode, health }: ContainerSummary) {
  const hasFailed = status === 'exited' && exitCode !== 0
  const isUnhealthy = status === 'running' && health === 'unhealthy'
  return hasFailed || isUnhealthy ? LOOKS.dead : LOOKS[status]
}

/** A container's state: icon, word and colour; a failure shows its code. */
export function Status({ container }: { readonly container: ContainerSummary }) {
  const { t } = useTranslation()
  const { status, exitCode, health, oomKilled } = container
  const { Icon, tone } = lookOf(container)
  const detail =
    status === 'exited'
      ? ` (${oomKilled ? 'OOM, ' : ''}${exitCode})`
      : health !== 'none'
        ? ` · ${t(`health.${health}`)}`
        : ''
  return (
    <span className="status" data-tone={tone} title={container.error || undefined}>
      <Icon size={13} aria-hidden />
      {t(`status.${status}`)}
      {status === 'running' || status === 'exited' ? detail : ''}
    </span>
  )
}
