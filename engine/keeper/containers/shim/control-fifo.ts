import { constants } from 'node:fs'
import fs from 'node:fs/promises'

/** conmon refuses a terminal with more rows or columns. */
const MAX_CELLS = 1000

const ATTEMPTS = 40
const PAUSE_MS = 25

/** Writes a line to conmon's control fifo; one that just starts opens it within a second. Answers `false` when none reads it. */
export async function writeControl(folder: string, line: string): Promise<boolean> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (await tryWrite(`${folder}/ctl`, `${line}\n`)) return true
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  return false
}

async function tryWrite(path: string, text: string): Promise<boolean> {
  try {
    const fifo = await fs.open(path, constants.O_WRONLY | constants.O_NONBLOCK)
    try {
      await fifo.write(text)
      return true
    } finally {
      await fifo.close()
    }
  } catch {
    return false
  }
}

/** The control line that sets a terminal's size. */
export function resizeLine(columns: number, rows: number): string {
  const clamp = (cells: number) => Math.max(0, Math.min(MAX_CELLS, Math.trunc(cells) || 0))
  return `1 ${clamp(rows)} ${clamp(columns)}`
}

/** The control line that makes conmon open its log file anew. */
export const REOPEN_LOG = '2 0 0'
