import { readFile } from 'node:fs/promises'
import type { z } from 'zod'
import { EngineError } from '../contract/errors.ts'
import { writeFileAtomic } from './atomic-file.ts'

/** What a person has set: a file of the data root. */
export interface SettingsFile<T> {
  read(): Promise<T>
  write(settings: T): Promise<void>
}

/** Settings in a file; a missing one is the schema's defaults. One that cannot be read or understood is `settings.unreadable`: nothing of it is lost. */
export function createSettingsFile<T>(file: string, schema: z.ZodType<T>): SettingsFile<T> {
  return {
    async read() {
      try {
        return schema.parse(JSON.parse(await readFile(file, 'utf8')))
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return schema.parse({})
        throw new EngineError(
          'internal',
          'settings.unreadable',
          `${file} cannot be understood; mend it, or remove it to have the defaults: ${String(cause)}`,
          { cause, details: { file } },
        )
      }
    },
    write: (settings) => writeFileAtomic(file, `${JSON.stringify(settings, null, 2)}\n`),
  }
}
