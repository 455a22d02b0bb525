import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { DesktopLink } from '../engine/contract/desktop.ts'
import { parseLink } from './links.ts'

const ARCHIVE = /\.(tar|tgz|tar\.(gz|zst))$/i

/** What a command line asks to open. Options and the app's own folder are not among it. */
export interface Openable {
  /** Absolute paths of image archives. */
  readonly archives: readonly string[]
  readonly links: readonly DesktopLink[]
}

/** Reads a command line; relative paths stand below `folder`. Files may come as `file://` addresses, as desktops hand them over. */
export function openableIn(argv: readonly string[], folder: string): Openable {
  const words = argv.slice(1).filter((word) => !word.startsWith('-'))
  const files = words.map(pathOf).filter((file) => ARCHIVE.test(file) && !file.startsWith('slipway:'))
  return {
    archives: files.map((file) => path.resolve(folder, file)),
    links: words.map(parseLink).filter((link) => link !== null),
  }
}

function pathOf(word: string): string {
  if (!word.startsWith('file://')) return word
  try {
    return fileURLToPath(word)
  } catch {
    return ''
  }
}

const OPTIONS = {
  root: { type: 'string' },
  'runtime-dir': { type: 'string' },
  /** Chromium's own: where the app keeps what is this desktop's. */
  'user-data-dir': { type: 'string' },
  /** File of the key that signs updates; only for an app that is not packaged. */
  'update-key': { type: 'string' },
} as const

/** The options of a command line. In front of them is the app's own folder, but for a packaged app, which has none. */
export function optionsIn(argv: readonly string[]): Partial<Record<keyof typeof OPTIONS, string>> {
  const { values } = parseArgs({ args: argv.slice(1), strict: false, allowPositionals: true, options: OPTIONS })
  return Object.fromEntries(
    Object.entries(values).filter(([name, value]) => name in OPTIONS && typeof value === 'string'),
  )
}
