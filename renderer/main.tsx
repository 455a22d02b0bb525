import '@mantine/core/styles.css'
import '@mantine/spotlight/styles.css'
import '@xterm/xterm/css/xterm.css'
import './app/app.css'
import { MantineProvider } from '@mantine/core'
import { QueryClientProvider } from '@tanstack/react-query'
import { createRoot } from 'react-dom/client'
import { followEvents } from './app/event-bridge.ts'
import { queryClient } from './app/queries.ts'
import { Shell } from './app/shell.tsx'
import { theme } from './app/theme.ts'
import { startTranslations } from './i18n/index.ts'
import { importArchive } from './state/activity.ts'
import { useView } from './state/view.ts'

startTranslations()
void followEvents()
window.slipway.onOpen((path) => {
  useView.getState().show('images')
  void importArchive(path)
})

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
