import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { readStateFile } from '../state-file.ts'

/** Every record of a folder, by file name without its ending. What a killed keeper has not finished is removed. */
export async function readAll<T>(folder: string): Promise<Map<string, T>> {
  const found = new Map<string, T>()
  for (const name of existsSync(folder) ? await readdir(folder) : []) {
    const record = name.endsWith('.json') ? readStateFile<T>(path.join(folder, name)) : null
    if (record) found.set(path.basename(name, '.json'), record)
    else await rm(path.join(folder, name), { force: true })
  }
  return found
}
