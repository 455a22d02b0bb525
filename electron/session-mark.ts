import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { writeWhole } from './write-file.ts'

/** A mark that lies in the app's folder while it runs. One that is still there at the next start tells of an end without a word. */
export function markSession(folder: string): {
  /** When the app that ended without a word was started; empty after a proper end, and after a restart of the machine. */
  readonly startedAt: string
  remove(): void
} {
  const file = path.join(folder, 'running.json')
  const bootId = readOr('/proc/sys/kernel/random/boot_id', '').trim()
  const startedAt = startOf(readOr(file, ''), bootId)
  try {
    writeWhole(file, JSON.stringify({ startedAt: new Date().toISOString(), bootId }))
  } catch {
    // A read-only folder: the next start will not know.
  }
  return {
    startedAt,
    remove() {
      try {
        rmSync(file, { force: true })
      } catch {
        // A folder that takes no change: the next start tells of an end without a word, and this one is not held up.
      }
    },
  }
}

/** The start that a mark tells of, when it is one of this boot. */
export function startOf(mark: string, bootId: string): string {
  try {
    const found = JSON.parse(mark) as { startedAt?: unknown; bootId?: unknown }
    return found.bootId === bootId ? String(found.startedAt ?? '') : ''
  } catch {
    return ''
  }
}

function readOr(file: string, otherwise: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return otherwise
  }
}
