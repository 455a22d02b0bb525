import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import { writeFileAtomic } from './atomic-file.ts'

/** What a person has set: a file of the data root. */
export interface SettingsFile<T> {
  read(): Promise<T>
  write(settings: T): Promise<void>
}

/** Settings in a file; a missing one is the schema's defaults. */
export function createSettingsFile<T>(file: string, schema: z.ZodType<T>): SettingsFile<T> {
  return {
    async read() {
      const text = await readFile(file, 'utf8').catch(() => '{}')
      return schema.parse(JSON.parse(text))
    },
    write: (settings) => writeFileAtomic(file, `${JSON.stringify(settings, null, 2)}\n`),
  }
}
