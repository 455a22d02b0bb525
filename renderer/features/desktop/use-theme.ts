import { useMantineColorScheme } from '@mantine/core'
import { useCallback } from 'react'
import type { DesktopSettings } from '../../../engine/contract/desktop.ts'
import { changeSettings } from './change-settings.ts'

export type Theme = DesktopSettings['theme']

/** Changes the theme: of the window at once, and of the app, which keeps it. */
export function useSetTheme(): (theme: Theme) => void {
  const { setColorScheme } = useMantineColorScheme()
  return useCallback(
    (theme) => {
      setColorScheme(theme === 'system' ? 'auto' : theme)
      changeSettings({ theme })
    },
    [setColorScheme],
  )
}
