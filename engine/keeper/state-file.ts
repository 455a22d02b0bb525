import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Writes a value as JSON so that a keeper that is killed meanwhile leaves the old text or the new. Makes the folder. */
export function writeStateFile(file: string, value: unknown): void {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(`${file}.tmp`, JSON.stringify(value), { mode: 0o600 })
  renameSync(`${file}.tmp`, file)
}

/** Takes away what a keeper that was killed had not written to its end, in a folder and those in it. */
export function removeHalfWritten(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const inside = entry.isDirectory() ? readdirSync(path.join(folder, entry.name)) : []
    for (const name of [entry.name, ...inside.map((one) => path.join(entry.name, one))])
      if (name.endsWith('.tmp')) rmSync(path.join(folder, name), { force: true })
  }
}

/** What such a file holds; `null` when it is missing or was cut off. */
export function readStateFile<T>(file: string): T | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T
  } catch {
    return null
  }
}
