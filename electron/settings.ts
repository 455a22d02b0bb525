import { readFileSync, renameSync } from 'node:fs'
import path from 'node:path'
import { DesktopSettings, type SettingsChange } from '../engine/contract/desktop.ts'
import { writeWhole } from './write-file.ts'

/** The settings of this desktop, kept in `settings.json` of the app's folder. */
export interface Settings {
  get(): DesktopSettings
  /** Changes what is given and keeps it. @throws when the file cannot be written; nothing has changed then */
  change(change: SettingsChange): void
}

/** Opens the settings. A file that cannot be understood is set aside as `settings.json.bad`, and the defaults hold. */
export function openSettings(folder: string, onChange: (settings: DesktopSettings) => void): Settings {
  const file = path.join(folder, 'settings.json')
  let settings = read(file)
  return {
    get: () => settings,
    change(change) {
      const next = DesktopSettings.parse({ ...settings, ...withoutUndefined(change) })
      writeWhole(file, `${JSON.stringify(next, null, 2)}\n`)
      settings = next
      onChange(settings)
    },
  }
}

function read(file: string): DesktopSettings {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return DesktopSettings.parse({})
  }
  try {
    return DesktopSettings.parse(JSON.parse(text))
  } catch {
    renameSync(file, `${file}.bad`)
    return DesktopSettings.parse({})
  }
}

const withoutUndefined = (change: SettingsChange) =>
  Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
