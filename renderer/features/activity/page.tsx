import { Button, Progress } from '@mantine/core'
import { IconActivity, IconAlertTriangle, IconCircleCheck, IconLoader2 } from '@tabler/icons-react'
import { useTranslation } from 'react-i18next'
import { Elapsed } from '../../components/elapsed.tsx'
import { Empty } from '../../components/empty.tsx'
import { formatBytes } from '../../lib/format.ts'
import { type Activity, type LayerProgress, useActivity } from '../../state/activity.ts'
import { useDialog } from '../../state/dialog.ts'
import { labelOf, takeStep } from './steps.ts'

const LOOKS = {
  running: { Icon: IconLoader2, tone: 'quiet' },
  done: { Icon: IconCircleCheck, tone: 'good' },
  failed: { Icon: IconAlertTriangle, tone: 'bad' },
} as const

/** Everything that was done and every failure, until it is dismissed; it outlives the window. */
export function ActivityPage() {
  const { t } = useTranslation()
  const { items, dismissDone } = useActivity()
  return (
    <div className="page-main">
      <div className="page-head">
        <h1>{t('page.activity')}</h1>
        {items.some(({ state }) => state !== 'running') && (
          <Button variant="default" onClick={dismissDone}>
            {t('dismissAll')}
          </Button>
        )}
      </div>
      {items.length === 0 && <Empty Icon={IconActivity} title={t('noActivity')} text={t('noActivityHint')} />}
      <div className="page-body">
        {items.map((item) => (
          <ActivityCard key={item.id} item={item} />
        ))}
      </div>
    </div>
  )
}

/** One piece of work or failure: what, how far, why it failed, and what to do about it. */
export function ActivityCard({ item }: { readonly item: Activity }) {
  const { t } = useTranslation()
  const { dismiss } = useActivity()
  const { Icon, tone } = LOOKS[item.state]
  return (
    <div className="card" data-testid="activity" data-state={item.state} data-title={item.title}>
      <div className="field-row">
        <span className="status" data-tone={tone}>
          <Icon size={15} aria-hidden />
          {t(`activity.${item.state}`)}
        </span>
        <span className="quiet">{item.kind === 'failure' ? '' : t(`activityKind.${item.kind}`)}</span>
        <span className="strong">{item.reference || item.title}</span>
        <span className="quiet" style={{ marginRight: 'auto' }}>
          <Elapsed since={item.startedAt} />
        </span>
        {item.state === 'done' &&
          item.reference &&
          item.kind !== 'push' &&
          item.kind !== 'save' &&
          item.kind !== 'capture' && (
            <Button
              size="compact-xs"
              data-testid="activity-run"
              onClick={() => useDialog.getState().show({ type: 'run', image: item.reference })}
            >
              {t('run')}
            </Button>
          )}
        {item.steps.map((step) => (
          <Button
            key={labelOf(step)}
            size="compact-xs"
            variant="light"
            data-testid={`step-${step.type}`}
            onClick={() => void takeStep(item, step)}
          >
            {labelOf(step)}
          </Button>
        ))}
        <Button size="compact-xs" variant="default" onClick={item.cancel ?? (() => dismiss(item.id))}>
          {t(item.cancel ? (item.kind === 'capture' ? 'capture.stop' : 'cancel') : 'dismiss')}
        </Button>
      </div>
      {item.message && (
        <div className={item.state === 'failed' ? 'error-note' : 'quiet'} style={{ marginTop: 8 }}>
          {item.message}
        </div>
      )}
      {item.state === 'running' &&
        Object.entries(item.layers).map(([layer, progress]) => (
          <LayerRow key={layer} layer={layer} progress={progress} />
        ))}
    </div>
  )
}

function LayerRow({ layer, progress }: { readonly layer: string; readonly progress: LayerProgress }) {
  const { t } = useTranslation()
  const { state, currentBytes, totalBytes } = progress
  const isDone = state === 'done' || state === 'exists' || state === 'uploaded' || state === 'mounted'
  const isMoving = state === 'unpacking' || state === 'downloading' || state === 'uploading'
  return (
    <div className="layer" data-testid="layer" data-state={state}>
      <span className="mono">{layer.replace('sha256:', '').slice(0, 12)}</span>
      <Progress
        size="sm"
        aria-label={layer}
        transitionDuration={0}
        value={isDone ? 100 : (currentBytes / Math.max(1, totalBytes)) * 100}
      />
      <span className="quiet num">
        {t(`layer.${state}`)}
        {isMoving ? ` ${formatBytes(currentBytes)} / ${formatBytes(totalBytes)}` : ''}
      </span>
    </div>
  )
}
