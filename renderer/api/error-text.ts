import i18next from 'i18next'
import { EngineError } from '../../engine/contract/errors.ts'
import { errorTextIn } from '../i18n/error-text.ts'

/** What went wrong in the user's language where the reason is known, else the engine's own words. */
export const errorText = (cause: unknown): string => errorTextIn(i18next, EngineError.from(cause))
