import { SegmentedControl } from '@mantine/core'
import { IconAdjustments, IconX } from '@tabler/icons-react'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ContainerDetail, ContainerSummary } from '../../../engine/contract/container.ts'
import { containerDetail } from '../../app/queries.ts'
import { Facts, mono } from '../../components/facts.tsx'
import { IconButton } from '../../components/icon-button.tsx'
import { Status } from '../../components/status.tsx'
import { formatBytes } from '../../lib/format.ts'
import { useDialog } from '../../state/dialog.ts'
import { useView } from '../../state/view.ts'
import { LogView } from '../dock/log-view.tsx'
import { PortList } from './ports.tsx'
import { SourceNote } from './source-note.tsx'
import { StatsTab } from './stats-tab.tsx'

const TABS = ['overview', 'logs', 'stats', 'inspect'] as const
type Tab = (typeof TABS)[number]

/** One container beside the list: what it is, its log, its figures, and the whole record. */
export function ContainerPane({ container }: { readonly container: ContainerSummary }) {
  const { t } = useTranslation()
  const { open } = useView()
  const [tab, setTab] = useState<Tab>('overview')
  const { data: detail } = useQuery(containerDetail(container.id))
  return (
    <aside className="detail" aria-label={container.name} data-testid="detail">
      <div className="detail-head">
        <h2 title={container.id}>{container.name}</h2>
        <Status container={container} />
        <IconButton
          label={t('verb.edit')}
          Icon={IconAdjustments}
          testId="pane-edit"
          onClick={() => useDialog.getState().show({ type: 'edit', container })}
        />
        <IconButton label={t('close')} Icon={IconX} onClick={() => open('containers', container.id)} />
      </div>
      <SegmentedControl
        mx={16}
        value={tab}
        onChange={(value) => setTab(value as Tab)}
        data={TABS.map((value) => ({ value, label: t(`tab.${value}`) }))}
        aria-label={t('detailTabs')}
      />
      <div className="detail-body" data-flush={tab === 'logs'} style={{ marginTop: 10 }}>
        {tab === 'overview' && <Overview container={container} detail={detail} />}
        {tab === 'logs' && <LogView key={container.id} containerId={container.id} />}
        {tab === 'stats' && <StatsTab container={container} />}
        {tab === 'inspect' && (
          <pre className="json" data-testid="inspect">
            {JSON.stringify(detail, null, 2)}
          </pre>
        )}
      </div>
    </aside>
  )
}

function Overview({
  container,
  detail,
}: {
  readonly container: ContainerSummary
  readonly detail: ContainerDetail | undefined
}) {
  const { t } = useTranslation()
  const limits = detail?.config.resources
  const ports =
    container.ports.length > 0 ? (
      <>
        <PortList container={container} />
        <SourceNote container={container} />
      </>
    ) : (
      ''
    )
  return (
    <>
      {container.error && <div className="error-note">{container.error}</div>}
      <Facts
        title={t('process')}
        facts={[
          ['ID', mono(container.id.slice(0, 12))],
          [t('image'), container.image],
          [t('command'), mono(detail ? [detail.path, ...detail.args].join(' ') : container.command)],
          [t('user'), detail?.user ?? ''],
          [t('workingDir'), mono(detail?.workingDir)],
          ['PID', detail?.pid ? String(detail.pid) : ''],
          [t('restarts'), detail?.restartCount ? String(detail.restartCount) : ''],
          [t('restartPolicy'), detail ? t(`policy.${detail.config.restart.name}`) : ''],
        ]}
      />
      <Facts
        title={t('network')}
        facts={[
          [t('address'), mono(container.ipAddress)],
          [t('gateway'), mono(detail?.gateway)],
          ['MAC', mono(detail?.macAddress)],
          [t('ports'), ports],
        ]}
      />
      <Facts
        title={t('mounts')}
        facts={(detail?.mounts ?? []).map((mount) => [
          mount.target,
          mono(`${mount.name || mount.hostPath}${mount.readOnly ? ` (${t('readOnly')})` : ''}`),
        ])}
      />
      <Facts
        title={t('limits')}
        facts={[
          [t('memory'), limits?.memoryBytes ? formatBytes(limits.memoryBytes) : ''],
          ['CPU', limits?.cpus ? String(limits.cpus) : ''],
          [t('processes'), limits?.pids ? String(limits.pids) : ''],
        ]}
      />
      <Facts
        title={t('environment')}
        facts={(detail?.env ?? []).map((entry) => {
          const cut = entry.indexOf('=')
          return [entry.slice(0, cut), mono(entry.slice(cut + 1))]
        })}
      />
    </>
  )
}
