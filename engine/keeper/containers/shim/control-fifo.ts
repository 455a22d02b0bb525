import { constants } from 'node:fs'
import fs from 'node:fs/promises'

/** conmon refuses a terminal with more rows or columns. */
const MAX_CELLS = 1000

/** Writes a line to conmon's control fifo. Answers `false` when no conmon reads it. */
export async function writeControl(folder: string, line: string): Promise<boolean> {
  try {
    const fifo = await fs.open(`${folder}/ctl`, constants.O_WRONLY | constants.O_NONBLOCK)
    try {
      await fifo.write(`${line}\n`)
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
