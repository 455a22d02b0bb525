import { Button, SegmentedControl } from '@mantine/core'
import { IconCheck, IconCopy, IconFolderOpen } from '@tabler/icons-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { AppLogLine } from '../../../engine/contract/desktop.ts'
import { desktop } from '../../api/client.ts'
import { reportFailureOf } from '../../state/activity.ts'
import { useView } from '../../state/view.ts'
import { CrashReports } from './crash-reports.tsx'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
type Level = (typeof LEVELS)[number]
const TONES = { debug: 'quiet', info: 'quiet', warn: 'warn', error: 'bad' } as const
const KEPT = 2000
/** Nearer to the end than this, the newest line stays in view. */
const FOLLOW_PIXELS = 40

/** The app's own log as it is written, and the reports of crashes. */
export function AppLogPage() {
  const { t } = useTranslation()
  const { opened, open } = useView()
  const [tab, setTab] = useState<'log' | 'reports'>('log')
  const report = opened.settings ?? ''
  // A report may be asked for from outside, while the lines are shown.
  useEffect(() => {
    if (report) setTab('reports')
  }, [report])
  const choose = (next: 'log' | 'reports') => {
    setTab(next)
    if (next === 'log' && report) open('settings', report)
  }
  return (
    <>
      <p className="settings-lead">{t('appLog.lead')}</p>
      <div className="app-log-tools">
        <SegmentedControl
          aria-label={t('appLog.view')}
          data-testid="log-tab"
          value={tab}
          onChange={(value) => choose(value as 'log' | 'reports')}
          data={(['log', 'reports'] as const).map((value) => ({ value, label: t(`appLog.tab.${value}`) }))}
        />
        {tab === 'reports' && <FolderButton folder="reports" />}
      </div>
      {tab === 'log' ? <LogLines /> : <CrashReports />}
    </>
  )
}

function LogLines() {
  const { t } = useTranslation()
  const lines = useAppLog()
  const [level, setLevel] = useState<Level>('info')
  const [isCopied, setCopied] = useState(false)
  const box = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  const shown = lines.filter((line) => LEVELS.indexOf(line.level) >= LEVELS.indexOf(level))
  useEffect(() => {
    if (isAtEnd.current) box.current?.scrollTo({ top: box.current.scrollHeight })
  }, [shown.length])
  const copy = () => {
    const text = shown.map((line) => `${line.time} ${line.level} ${line.message} ${line.fields}`.trim()).join('\n')
    void navigator.clipboard.writeText(text).then(() => setCopied(true))
  }
  return (
    <>
      <div className="app-log-tools">
        <SegmentedControl
          aria-label={t('appLog.levels')}
          data-testid="log-level"
          value={level}
          onChange={(value) => setLevel(value as Level)}
          data={(['info', 'warn', 'error'] as const).map((value) => ({
            value,
            label: value === 'info' ? t('appLog.all') : t(`appLog.level.${value}`),
          }))}
        />
        <span style={{ flex: 1 }} />
        <Button
          variant="default"
          leftSection={isCopied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          onClick={copy}
        >
          {isCopied ? t('copied') : t('appLog.copy')}
        </Button>
        <FolderButton folder="log" />
      </div>
      <section
        ref={box}
        className="app-log"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
        tabIndex={0}
        aria-label={t('appLog.lines')}
        data-testid="app-log"
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < FOLLOW_PIXELS
        }}
      >
        {shown.length === 0 && <div className="app-log-line quiet">{t('appLog.none')}</div>}
        {shown.map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no names and only come at the end
          <Line key={index} line={line} />
        ))}
      </section>
    </>
  )
}

function Line({ line: { time, level, message, fields } }: { readonly line: AppLogLine }) {
  const { t } = useTranslation()
  return (
    <div className="app-log-line" data-testid="app-log-line" data-level={level}>
      <time className="quiet" dateTime={time} title={time}>
        {new Date(time).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'medium' })}
      </time>
      <span className="status" data-tone={TONES[level]}>
        {t(`appLog.level.${level}`)}
      </span>
      <span>
        {message} <span className="quiet">{fields}</span>
      </span>
    </div>
  )
}

function FolderButton({ folder }: { readonly folder: 'log' | 'reports' }) {
  const { t } = useTranslation()
  return (
    <Button
      variant="default"
      leftSection={<IconFolderOpen size={14} />}
      onClick={() => reportFailureOf(t('appLog.folder'), desktop.openFolder({ folder }))}
    >
      {t('appLog.folder')}
    </Button>
  )
}

/** The newest lines, and each as it is written, for as long as they are shown. */
function useAppLog(): readonly AppLogLine[] {
  const [lines, setLines] = useState<readonly AppLogLine[]>([])
  useEffect(() => {
    const stream = desktop.log({})
    void (async () => {
      for await (const more of stream) setLines((old) => [...old, ...more].slice(-KEPT))
    })().catch(() => {})
    return () => stream.close()
  }, [])
  return lines
}
