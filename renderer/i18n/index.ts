import i18next from 'i18next'
import { initReactI18next } from 'react-i18next'
import { en } from './en.ts'
import { ko } from './ko.ts'

const STORED = 'slipway.language'

/** Starts in the language that was chosen, else in the system's if we speak it, else in English. */
export function startTranslations(): void {
  const lng = localStorage.getItem(STORED) ?? (navigator.language.startsWith('ko') ? 'ko' : 'en')
  document.documentElement.lang = lng
  void i18next.use(initReactI18next).init({
    resources: { en: { translation: en }, ko: { translation: ko } },
    lng,
    fallbackLng: 'en',
    interpolation: { escapeValue: false },
  })
}

/** Changes the language and remembers it. */
export function chooseLanguage(language: 'en' | 'ko'): void {
  localStorage.setItem(STORED, language)
  document.documentElement.lang = language
  void i18next.changeLanguage(language)
}
