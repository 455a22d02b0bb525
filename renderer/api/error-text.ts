import i18next from 'i18next'
import { EngineError } from '../../engine/contract/errors.ts'

/** What went wrong in the user's language where the reason is known, else the engine's own words. */
export function errorText(cause: unknown): string {
  const error = EngineError.from(cause)
  const key = `errors.${error.reason.replaceAll('.', '_').replaceAll('-', '')}`
  return i18next.exists(key) && i18next.language !== 'en'
    ? `${i18next.t(key, { ...error.details })}\n${error.message}`
    : error.message
}
