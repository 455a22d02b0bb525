import i18next, { type TFunction } from 'i18next'
import type { DesktopSettings } from '../engine/contract/desktop.ts'
import { EngineError } from '../engine/contract/errors.ts'
import { en } from '../renderer/i18n/en.ts'
import { errorTextIn } from '../renderer/i18n/error-text.ts'
import { ko } from '../renderer/i18n/ko.ts'

/** The texts of menus, the tray, notifications and native dialogs: the window's own dictionaries. */
export interface Texts {
  readonly t: TFunction
  /** What went wrong, in the chosen language where the reason is known. */
  errorText(cause: unknown): string
  use(language: 'en' | 'ko'): void
}

/** Starts in the language that was chosen, or the system's. A window that says otherwise is followed. */
export function createTexts(chosen: DesktopSettings['language'], systemLocale: string): Texts {
  const texts = i18next.createInstance()
  void texts.init({
    resources: { en: { translation: en }, ko: { translation: ko } },
    lng: languageOf(chosen, systemLocale),
    fallbackLng: 'en',
    initAsync: false,
    showSupportNotice: false,
    interpolation: { escapeValue: false },
  })
  return {
    t: texts.t,
    errorText: (cause) => errorTextIn(texts, EngineError.from(cause)),
    use: (language) => void texts.changeLanguage(language),
  }
}

function languageOf(chosen: DesktopSettings['language'], systemLocale: string): 'en' | 'ko' {
  if (chosen !== 'system') return chosen
  return systemLocale.startsWith('ko') ? 'ko' : 'en'
}
