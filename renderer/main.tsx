import '@mantine/core/styles.css'
import '@xterm/xterm/css/xterm.css'
import './app/app.css'
import { createTheme, MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import i18next from 'i18next'
import { createRoot } from 'react-dom/client'
import { initReactI18next } from 'react-i18next'
import { followEvents, queryClient } from './app/queries.ts'
import { Shell } from './app/shell.tsx'
import { messages } from './i18n/messages.ts'

const theme = createTheme({
  primaryColor: 'cyan',
  primaryShade: { light: 8, dark: 6 },
  defaultRadius: 'sm',
  fontFamily: 'Inter, system-ui, "Noto Sans", "Noto Sans CJK KR", sans-serif',
  fontFamilyMonospace: '"JetBrains Mono", "DejaVu Sans Mono", monospace',
})
const language = localStorage.getItem('language') ?? (navigator.language.startsWith('ko') ? 'ko' : 'en')
void i18next
  .use(initReactI18next)
  .init({ resources: messages, lng: language, fallbackLng: 'en', interpolation: { escapeValue: false } })
void followEvents()

const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <QueryClientProvider client={queryClient}>
        <Shell />
      </QueryClientProvider>
    </MantineProvider>,
  )
}
