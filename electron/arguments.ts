import path from 'node:path'
import { fileURLToPath } from 'node:url'
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
