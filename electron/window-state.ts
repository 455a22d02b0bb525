import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { BrowserWindow, Rectangle } from 'electron'
import { writeWhole } from './write-file.ts'

interface WindowState {
  readonly bounds: Rectangle
  readonly isMaximized: boolean
}
const DEFAULT = { width: 1280, height: 800 }

/** Where the window was when the app ended, or the first size. A place that no screen shows any more is left out. */
export function readWindowState(
  folder: string,
  screens: readonly Rectangle[],
): Partial<Rectangle> & { readonly isMaximized: boolean } {
  try {
    const { bounds, isMaximized } = JSON.parse(readFileSync(fileIn(folder), 'utf8')) as WindowState
    const size = { width: Math.max(900, Number(bounds.width)), height: Math.max(600, Number(bounds.height)) }
    if (!(size.width > 0 && size.height > 0)) return { ...DEFAULT, isMaximized: false }
    const isShown = screens.some(
      (screen) =>
        bounds.x >= screen.x &&
        bounds.y >= screen.y &&
        bounds.x < screen.x + screen.width - 100 &&
        bounds.y < screen.y + screen.height - 100,
    )
    return { ...size, ...(isShown ? { x: bounds.x, y: bounds.y } : {}), isMaximized: isMaximized === true }
  } catch {
    return { ...DEFAULT, isMaximized: false }
  }
}

/** Keeps where a window is when it closes. */
export function keepWindowState(folder: string, window: BrowserWindow): void {
  window.on('close', () => {
    const state: WindowState = { bounds: window.getNormalBounds(), isMaximized: window.isMaximized() }
    try {
      writeWhole(fileIn(folder), JSON.stringify(state))
    } catch {
      // The next window has the first size: nothing is lost.
    }
  })
}

const fileIn = (folder: string): string => path.join(folder, 'window.json')
