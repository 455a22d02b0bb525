import { useEffect, useRef, useState } from 'react'
import type { LogLine } from '../../../engine/contract/container.ts'
import { api } from '../../api/client.ts'
import { reportFailure } from '../../state/activity.ts'

const KEPT_LINES = 2000
const FIRST_LINES = 500

/** A window onto a container's log: the newest lines, followed, and never more than 2,000 in memory. */
export function LogView({ containerId }: { readonly containerId: string }) {
  const [lines, setLines] = useState<readonly LogLine[]>([])
  const view = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  useEffect(() => {
    let close = () => {}
    let isGone = false
    void (async () => {
      try {
        const first = await api.container.logWindow({ id: containerId, tail: FIRST_LINES })
        setLines(first.lines)
        if (isGone) return
        const stream = api.container.logFollow({ id: containerId, from: first.endOffset })
        close = () => stream.close()
        for await (const batch of stream) setLines((old) => [...old, ...batch].slice(-KEPT_LINES))
      } catch (error) {
        if (!isGone) reportFailure('logs', error)
      }
    })()
    return () => {
      isGone = true
      close()
    }
  }, [containerId])
  useEffect(() => {
    if (isAtEnd.current && lines.length > 0) view.current?.scrollTo({ top: view.current.scrollHeight })
  }, [lines])
  const watchEnd = () => {
    const element = view.current
    if (element) isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 24
  }
  return (
    <div ref={view} className="log" data-testid="log-view" role="log" onScroll={watchEnd}>
      {lines.map((line) => (
        <div key={line.offset} className={line.stream}>
          {line.text}
        </div>
      ))}
    </div>
  )
}
