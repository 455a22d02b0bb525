import { useTranslation } from 'react-i18next'
import { largestUnit } from '../lib/duration.ts'
import { useNow } from './use-now.ts'

/** How long ago an RFC 3339 time is, counting on the screen. */
export function Elapsed({ since }: { readonly since: string }) {
  const { t } = useTranslation()
  const now = useNow()
  const { unit, count } = largestUnit(now - Date.parse(since))
  return <span title={since}>{t(`elapsed.${unit}`, { count })}</span>
}
