import { readFile } from 'node:fs/promises'
import { RegistrySettings } from '../contract/registry.ts'
import { writeFileAtomic } from '../store/atomic-file.ts'

/** How registries are reached, as a person has set it: a file of the data root. */
export interface SettingsFile {
  read(): Promise<RegistrySettings>
  write(settings: RegistrySettings): Promise<void>
}

/** Settings in a file; a missing one is no mirrors and nothing insecure. */
export function createSettingsFile(file: string): SettingsFile {
  return {
    async read() {
      const text = await readFile(file, 'utf8').catch(() => '{}')
      return RegistrySettings.parse(JSON.parse(text))
    },
    write: (settings) => writeFileAtomic(file, `${JSON.stringify(settings, null, 2)}\n`),
  }
}
