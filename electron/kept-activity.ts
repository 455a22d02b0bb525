import { readFileSync } from 'node:fs'
import path from 'node:path'
import { writeWhole } from './write-file.ts'

/** The window's list of activity, kept for the next window; only windows read it. */
export interface KeptActivity {
  /** Empty where nothing was kept. */
  read(): string
  /** @throws when the file cannot be written */
  write(text: string): void
}

/** Opens the list in the app's folder. Not in the browser's storage, which loses the last seconds when the app is killed. */
export function openKeptActivity(folder: string): KeptActivity {
  const file = path.join(folder, 'activity.json')
  return {
    read() {
      try {
        return readFileSync(file, 'utf8')
      } catch {
        return ''
      }
    },
    write: (text) => writeWhole(file, text),
  }
}
