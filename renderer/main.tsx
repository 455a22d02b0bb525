import '@mantine/core/styles.css'
import '@mantine/spotlight/styles.css'
import '@xterm/xterm/css/xterm.css'
import './app/app.css'
import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { createRoot } from 'react-dom/client'
import { followDesktop } from './app/desktop-bridge.ts'
import { followEvents } from './app/event-bridge.ts'
import { queryClient } from './app/queries.ts'
import { Shell } from './app/shell.tsx'
import { colorSchemeOfDesktop, theme } from './app/theme.ts'
import { startTranslations } from './i18n/index.ts'
import { keepActivity } from './state/activity.ts'

startTranslations()
void keepActivity()
void followEvents()
void followDesktop()

const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={colorSchemeOfDesktop}>
      <QueryClientProvider client={queryClient}>
        <Shell />
      </QueryClientProvider>
    </MantineProvider>,
  )
}
