import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import type { z } from 'zod'
import { writeFileAtomic } from './atomic-file.ts'

/** Durable records of one noun, read once at start and served from memory. */
export interface RecordStore<T> {
  list(): readonly T[]
  get(id: string): T | undefined
  put(record: T): Promise<void>
  delete(id: string): Promise<void>
}

export interface RecordStoreOptions<T> {
  /** Folder with one entry a record. */
  readonly folder: string
  /** The record's file, relative to `folder`. */
  readonly fileOf: (id: string) => string
  readonly idOf: (record: T) => string
  readonly schema: z.ZodType<T>
  /** Told of a record that could not be read; it was set aside as `<file>.unreadable`. */
  readonly onUnreadable: (file: string, error: unknown) => void
}

/** Opens a folder of records. A record that does not parse is set aside and named, and the rest are served. */
export async function openRecordStore<T>(options: RecordStoreOptions<T>): Promise<RecordStore<T>> {
  const { folder, fileOf, idOf, schema } = options
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await removeHalfWritten(folder)
  const records = new Map<string, T>()
  for (const entry of await readdir(folder)) {
    const file = path.join(folder, fileOf(entry.replace(/\.json$/, '')))
    if (path.dirname(file) !== folder) await removeHalfWritten(path.dirname(file))
    if (!file.endsWith('.json') || entry.endsWith('.tmp') || entry.endsWith('.unreadable')) continue
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text === undefined) continue
    try {
      const record = schema.parse(JSON.parse(text))
      records.set(idOf(record), record)
    } catch (error) {
      await rename(file, `${file}.unreadable`)
      options.onUnreadable(file, error)
    }
  }
  return {
    list: () => [...records.values()],
    get: (id) => records.get(id),
    async put(record) {
      const id = idOf(record)
      const file = path.join(folder, fileOf(id))
      await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
      await writeFileAtomic(file, JSON.stringify(record))
      records.set(id, record)
    },
    async delete(id) {
      await rm(path.join(folder, fileOf(id)), { force: true })
      records.delete(id)
    },
  }
}

/** What a write that was cut off has left. */
async function removeHalfWritten(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => []))
    if (name.endsWith('.tmp')) await rm(path.join(folder, name), { force: true })
}
