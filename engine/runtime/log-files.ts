import { type FileHandle, open, stat } from 'node:fs/promises'
import type { LogLine } from '../contract/container.ts'
import { type LogParseState, parseLogLine } from './log-parse.ts'

/*
 * A log is `PATH.2`, `PATH.1`, `PATH`, oldest first; full files are renamed one on. A line's offset must grow from file
 * to file and stay the same over renames and restarts, with nothing kept beside the log. So it is made of the time of
 * the file's first line and of the place in the file:
 *
 *   offset = milliseconds since 2026 × 2^13  +  byte / 32
 *
 * No line is shorter than 46 bytes, so no two share a unit of 32. It stays below 2^53 until 2060, and two files
 * overlap only when one is filled faster than 268 MB/s or the clock is set back; then the later file is moved behind
 * the earlier one, and a follower remembers that.
 */
const EPOCH = Date.UTC(2026, 0, 1)
const UNITS_PER_MS = 2 ** 13
const UNIT = 32
const CHUNK = 128 * 1024
const TAIL = 64 * 1024
const LOOK_BACK = 1024 * 1024 + TAIL
const BATCH = 512
const ATTEMPTS = 5

/** An open file of a log. `size` counts whole lines only. */
export interface LogFile {
  readonly handle: FileHandle
  /** Device and inode: the same after a rename. */
  readonly identity: string
  /** Offset of its first byte. */
  readonly base: number
  readonly size: number
}

/** Offset of a byte of a file. */
export const offsetOf = (file: LogFile, byte: number): number => file.base + Math.floor(byte / UNIT)
/** First byte of a file at which a line with this offset, or a later one, can begin. */
export const byteOf = (file: LogFile, offset: number): number => Math.max(0, (offset - file.base) * UNIT)

/** Opens the files of a log, oldest first, as they stand at one moment. `bases` keeps offsets stable between calls. */
export async function openLogFiles(
  log: { readonly path: string; readonly maxFiles: number },
  bases: Map<string, number> = new Map(),
): Promise<LogFile[]> {
  const names = Array.from({ length: Math.max(1, log.maxFiles) }, (_, n) => (n === 0 ? log.path : `${log.path}.${n}`))
  for (let attempt = 1; ; attempt += 1) {
    const opened = await Promise.all(names.map(openOne))
    const now = await Promise.all(names.map(identify))
    if (attempt < ATTEMPTS && opened.some((file, n) => (file?.identity ?? '') !== now[n])) {
      await closeLogFiles(opened)
      continue
    }
    return arrange(opened.reverse(), bases)
  }
}

/** Closes what `openLogFiles` opened, but for one. */
export async function closeLogFiles(
  files: readonly (Pick<LogFile, 'handle'> | null)[],
  kept?: Pick<LogFile, 'handle'>,
): Promise<void> {
  await Promise.all(files.map((file) => (file && file.handle !== kept?.handle ? file.handle.close() : undefined)))
}

interface OpenedFile {
  readonly handle: FileHandle
  readonly identity: string
}

async function openOne(name: string): Promise<OpenedFile | null> {
  const handle = await open(name, 'r').catch(ignoreMissing)
  if (!handle) return null
  const { dev, ino } = await handle.stat()
  return { handle, identity: `${dev}:${ino}` }
}

async function identify(name: string): Promise<string> {
  const found = await stat(name).catch(ignoreMissing)
  return found ? `${found.dev}:${found.ino}` : ''
}

function ignoreMissing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null
  throw error
}

async function arrange(opened: readonly (OpenedFile | null)[], bases: Map<string, number>): Promise<LogFile[]> {
  const files: LogFile[] = []
  for (const found of opened) {
    if (!found) continue
    const size = await wholeSize(found.handle)
    const isRepeated = files.some((file) => file.identity === found.identity)
    if (size === 0 || isRepeated) {
      await found.handle.close()
      continue
    }
    const previous = files.at(-1)
    const base = bases.get(found.identity) ?? (await timeBase(found.handle))
    const file = { ...found, size, base: Math.max(base, previous ? offsetOf(previous, previous.size) : 0) }
    bases.set(file.identity, file.base)
    files.push(file)
  }
  return files
}

/** Bytes up to and with the last line end. */
async function wholeSize(handle: FileHandle): Promise<number> {
  for (let end = (await handle.stat()).size; end > 0; end -= TAIL) {
    const start = Math.max(0, end - TAIL)
    const found = (await readAt(handle, start, end - start)).lastIndexOf(10)
    if (found >= 0) return start + found + 1
  }
  return 0
}

async function timeBase(handle: FileHandle): Promise<number> {
  const [time = ''] = (await readAt(handle, 0, 40)).toString('latin1').split(' ')
  const born = Date.parse(time.replace(/(\.\d{3})\d*/, '$1'))
  return Number.isNaN(born) ? 0 : Math.max(0, born - EPOCH) * UNITS_PER_MS
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await handle.read(buffer, 0, length, position)
  return buffer.subarray(0, bytesRead)
}

/** Where reading must begin so that lines from `byte` on are whole: there, or before where a partial line is open. */
export async function findWholeStart(file: LogFile, byte: number): Promise<number> {
  if (byte === 0) return 0
  const start = Math.max(0, byte - TAIL)
  const around = (await readAt(file.handle, start, byte - start + 64)).toString('latin1')
  // A line that began before `byte` counts with its whole head.
  const end = around.indexOf('\n', byte - start - 1)
  const before = end < 0 ? around : around.slice(0, end)
  const isOpen = ['stdout', 'stderr'].some(
    (stream) => before.lastIndexOf(` ${stream} P `) > before.lastIndexOf(` ${stream} F `),
  )
  return isOpen ? Math.max(0, byte - LOOK_BACK) : byte
}

/** A few lines and the byte behind them. */
export interface LogBatch {
  readonly lines: LogLine[]
  readonly next: number
}

/** Lines that begin at or behind byte `start` and before `until`, whole ones only, at most 512 a batch. */
export async function* readLines(
  file: LogFile,
  range: { readonly start: number; readonly until: number },
  state: LogParseState,
): AsyncGenerator<LogBatch> {
  const { start, until } = range
  // One byte before: when it ends a line, the next begins at `start`; else the line there began earlier.
  let at = Math.max(0, start - 1)
  let isSkipping = start > 0
  let rest = Buffer.alloc(0)
  let lines: LogLine[] = []
  for (;;) {
    const chunk = await readAt(file.handle, at, CHUNK)
    if (chunk.length === 0) return
    const bytes = rest.length ? Buffer.concat([rest, chunk]) : chunk
    const origin = at - rest.length
    at += chunk.length
    let cursor = 0
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, cursor)) {
      if (origin + cursor >= until) {
        yield { lines, next: origin + cursor }
        return
      }
      const line = isSkipping
        ? null
        : parseLogLine(bytes.toString('utf8', cursor, end), offsetOf(file, origin + cursor), state)
      isSkipping = false
      cursor = end + 1
      if (line && lines.push(line) >= BATCH) {
        yield { lines, next: origin + cursor }
        lines = []
      }
    }
    rest = Buffer.from(bytes.subarray(cursor))
    yield { lines, next: Math.max(start, origin + cursor) }
    lines = []
    if (origin + cursor >= until) return
  }
}
