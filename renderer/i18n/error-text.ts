import type { i18n } from 'i18next'
import type { EngineError } from '../../engine/contract/errors.ts'

/** What went wrong in the language of `texts` where the reason is known, else the engine's own words. */
export function errorTextIn(texts: Pick<i18n, 'exists' | 'language' | 't'>, error: EngineError): string {
  const key = `errors.${error.reason.replaceAll('.', '_').replaceAll('-', '')}`
  return texts.exists(key) && texts.language !== 'en'
    ? `${texts.t(key, { ...error.details })}\n${error.message}`
    : error.message
}
