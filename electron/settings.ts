import { copyFileSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { DesktopSettings, type SettingsChange } from '../engine/contract/desktop.ts'
import { writeWhole } from './write-file.ts'

/** The settings of this desktop, kept in `settings.json` of the app's folder. */
export interface Settings {
  get(): DesktopSettings
  /** Changes what is given and keeps it. @throws when the file cannot be written; nothing has changed then */
  change(change: SettingsChange): void
}

/** Opens the settings. What cannot be understood of a file has its default; the file itself is kept as `settings.json.bad`. */
export function openSettings(folder: string, onChange: (settings: DesktopSettings) => void): Settings {
  const file = path.join(folder, 'settings.json')
  let settings = read(file)
  return {
    get: () => settings,
    change(change) {
      const next = DesktopSettings.parse({
        ...settings,
        ...withoutUndefined(change),
        notifications: { ...settings.notifications, ...withoutUndefined(change.notifications) },
        updates: { ...settings.updates, ...withoutUndefined(change.updates) },
      })
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
  const found = understand(text)
  if (found.isWhole) return found.settings
  try {
    copyFileSync(file, `${file}.bad`)
  } catch {
    // A full or read-only disk: the app starts all the same.
  }
  return found.settings
}

/** The settings in a file's text; a field that an older or newer app wrote in its own way does not cost the others. */
function understand(text: string): { readonly settings: DesktopSettings; readonly isWhole: boolean } {
  try {
    const found: unknown = JSON.parse(text)
    const { data, error } = DesktopSettings.safeParse(found)
    if (data) return { settings: data, isWhole: true }
    for (const { path: where } of error.issues) remove(found, where)
    return { settings: DesktopSettings.parse(found), isWhole: false }
  } catch {
    return { settings: DesktopSettings.parse({}), isWhole: false }
  }
}

function remove(from: unknown, where: readonly PropertyKey[]): void {
  const [last, ...way] = where.toReversed()
  const holder = way.reduceRight<unknown>((value, key) => (value as Record<PropertyKey, unknown>)[key], from)
  if (last !== undefined) delete (holder as Record<PropertyKey, unknown>)[last]
}

const withoutUndefined = (change: object = {}) =>
  Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
