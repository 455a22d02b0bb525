import { useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { type LargestUnit, largestUnit } from '../lib/duration.ts'

const listeners = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

/** One timer for all; it stops when nobody looks. */
function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  timer ??= setInterval(() => {
    for (const tell of listeners) tell()
  }, 1000)
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

/** How long ago an RFC 3339 time is, counting on the screen; what says "2 hours" is drawn once an hour. */
export function Elapsed({ since }: { readonly since: string }) {
  const { t } = useTranslation()
  const text = useSyncExternalStore(subscribe, () => {
    if (since === '') return ''
    const { unit, count } = largestUnit(Date.now() - Date.parse(since))
    return `${unit} ${count}`
  })
  if (text === '') return <span>—</span>
  const [unit, count] = text.split(' ') as [LargestUnit['unit'], string]
  return <span title={since}>{t(`elapsed.${unit}`, { count: Number(count) })}</span>
}
