import { Button, Checkbox, TextInput } from '@mantine/core'
import { IconArrowDown, IconSearch } from '@tabler/icons-react'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import type { LogLine } from '../../../engine/contract/container.ts'
import { errorText } from '../../api/error-text.ts'
import { stripAnsi } from '../../lib/ansi.ts'
import { type LogWindow, openLogWindow } from './log-window.ts'

const LINE_HEIGHT = 18
const NEAR_TOP = 200
const SEARCH_DELAY_MS = 200

/** A container's log: follows at the end, loads older lines as one scrolls up, searches in the engine. */
export function LogView({ containerId }: { readonly containerId: string }) {
  const { t } = useTranslation()
  const log = useMemo(() => openLogWindow(containerId), [containerId])
  useEffect(() => () => log.close(), [log])
  const [hasTimes, setTimes] = useState(false)
  const [text, setText] = useState('')
  useEffect(() => {
    if (text === '') return
    const timer = setTimeout(() => void log.search(text), SEARCH_DELAY_MS)
    return () => {
      clearTimeout(timer)
    }
  }, [text, log])
  const change = (value: string) => {
    setText(value)
    if (value === '') void log.search('')
  }
  return (
    <div className="log-pane" data-mantine-color-scheme="dark">
      <div className="log-tools">
        <TextInput
          w={220}
          aria-label={t('searchLog')}
          placeholder={t('searchLog')}
          leftSection={<IconSearch size={13} />}
          value={text}
          onChange={(event) => change(event.currentTarget.value)}
          data-testid="log-search"
        />
        <Checkbox
          label={t('timestamps')}
          checked={hasTimes}
          onChange={(event) => setTimes(event.currentTarget.checked)}
        />
      </div>
      <Lines log={log} hasTimes={hasTimes} search={text} />
    </div>
  )
}

interface LinesProps {
  readonly log: LogWindow
  readonly hasTimes: boolean
  readonly search: string
}

function Lines({ log, hasTimes, search }: LinesProps) {
  const { t } = useTranslation()
  const { lines, isFollowing, error } = useSyncExternalStore(log.subscribe, log.get)
  const scroller = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  const [isAway, setAway] = useState(false)
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_HEIGHT,
    overscan: 20,
  })
  useEffect(() => {
    if (isAtEnd.current && lines.length > 0) virtual.scrollToIndex(lines.length - 1, { align: 'end' })
  }, [lines, virtual])
  const onScroll = () => {
    const element = scroller.current
    if (!element) return
    isAtEnd.current = isFollowing && element.scrollHeight - element.scrollTop - element.clientHeight < LINE_HEIGHT * 2
    setAway(!isAtEnd.current)
    if (element.scrollTop < NEAR_TOP) {
      void log.older().then((count) => {
        if (count > 0) element.scrollTop += count * LINE_HEIGHT
      })
    }
  }
  const toEnd = () => {
    isAtEnd.current = true
    setAway(false)
    void log.toEnd()
  }
  return (
    <>
      <div
        ref={scroller}
        className="log"
        role="log"
        aria-label={t('logs')}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard
        tabIndex={0}
        data-testid="log-view"
        onScroll={onScroll}
      >
        {error ? <div style={{ padding: 10 }}>{errorText(error)}</div> : null}
        {!error && lines.length === 0 && <div style={{ padding: 10, color: '#84929a' }}>{t('noLines')}</div>}
        <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            const line = lines[index] as LogLine
            return (
              <div
                key={line.offset}
                className="log-line"
                data-stream={line.stream}
                style={{ transform: `translateY(${start}px)` }}
              >
                {hasTimes && <span className="log-time">{line.time.slice(0, 23).replace('T', ' ')}</span>}
                <Marked text={stripAnsi(line.text)} search={search} />
              </div>
            )
          })}
        </div>
      </div>
      {isAway && (
        <Button
          size="compact-xs"
          leftSection={<IconArrowDown size={13} />}
          style={{ position: 'absolute', right: 24, bottom: 16 }}
          onClick={toEnd}
        >
          {t('newestLines')}
        </Button>
      )}
    </>
  )
}

function Marked({ text, search }: { readonly text: string; readonly search: string }) {
  const at = search ? text.indexOf(search) : -1
  if (at < 0) return text
  return (
    <>
      {text.slice(0, at)}
      <mark>{search}</mark>
      {text.slice(at + search.length)}
    </>
  )
}
