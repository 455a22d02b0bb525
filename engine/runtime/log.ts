import { watch } from 'node:fs'
import path from 'node:path'
import type { LogLine } from '../contract/container.ts'
import { byteOf, closeLogFiles, findWholeStart, type LogFile, offsetOf, openLogFiles, readLines } from './log-files.ts'
import { type LogParseState, newParseState } from './log-parse.ts'

const SEGMENT = 256 * 1024
const FALLBACK_MS = 250
const BATCH_MS = 16

export interface LogReader {
  /** The last `tail` lines that end before `before`, oldest first. `endOffset` is where following goes on. */
  window(options: {
    readonly before?: number | undefined
    readonly tail: number
    readonly search: string
  }): Promise<{ lines: LogLine[]; endOffset: number; hasOlder: boolean }>
  /** Lines from an offset on in batches of at most 512, as they are written, over rotation, until aborted. */
  follow(options: { readonly from: number; readonly signal: AbortSignal }): AsyncIterable<LogLine[]>
}

/** Reads a container's log: windows from the end, or everything from an offset on, over rotation. */
export function createLogReader(options: { readonly path: string; readonly maxFiles: number }): LogReader {
  return {
    async window({ before = Number.MAX_SAFE_INTEGER, tail, search }) {
      const files = await openLogFiles(options)
      try {
        const last = files.at(-1)
        const endOffset = last ? offsetOf(last, last.size) : 0
        const lines: LogLine[] = []
        for (const file of files.reverse()) {
          await collectBackwards(file, { before, tail, search }, lines)
          if (lines.length > tail) break
        }
        return { lines: lines.slice(-tail), endOffset, hasOlder: lines.length > tail }
      } finally {
        await closeLogFiles(files)
      }
    },
    follow: (from) => followLog(options, from),
  }
}

/** Puts matching lines of a file before those in `lines`, until there are more than `tail`, a segment at a time. */
async function collectBackwards(
  file: LogFile,
  wanted: { readonly before: number; readonly tail: number; readonly search: string },
  lines: LogLine[],
): Promise<void> {
  const { before, tail, search } = wanted
  let until = Math.min(file.size, byteOf(file, before))
  while (until > 0 && lines.length <= tail) {
    const first = Math.max(0, Math.floor((until - SEGMENT) / 32) * 32)
    const start = await findWholeStart(file, first)
    const found: LogLine[] = []
    for await (const batch of readLines(file, { start, until }, newParseState())) {
      for (const line of batch.lines) {
        const isInside = line.offset >= offsetOf(file, first) && line.offset < before
        if (isInside && (search === '' || line.text.includes(search))) found.push(line)
      }
    }
    lines.unshift(...found)
    until = first
  }
}

async function* followLog(
  log: { readonly path: string; readonly maxFiles: number },
  { from, signal }: { readonly from: number; readonly signal: AbortSignal },
): AsyncGenerator<LogLine[]> {
  const bases = new Map<string, number>()
  const state = newParseState()
  const changes = createChangeSignal(path.dirname(log.path), signal)
  let cursor: { readonly file: LogFile; byte: number } | null = null
  const drain = async function* (): AsyncGenerator<LogLine[]> {
    if (!cursor) return
    for await (const { lines, next } of readLines(cursor.file, { start: cursor.byte, until: Infinity }, state)) {
      cursor.byte = next
      if (signal.aborted) return
      if (lines.length) yield lines
    }
  }
  try {
    while (!signal.aborted) {
      yield* drain()
      if (signal.aborted) return
      const files = await openLogFiles(log, bases)
      const next: LogFile | undefined = cursor ? findSuccessor(files, cursor.file) : findStart(files, from)
      await closeLogFiles(files, next)
      if (!next) {
        await changes.next()
        continue
      }
      if (cursor) {
        // A newer file exists, so the old one is complete now: whatever was written since the last read comes first.
        yield* drain()
        await cursor.file.handle.close()
        cursor = { file: next, byte: 0 }
      } else {
        cursor = { file: next, byte: Math.min(next.size, byteOf(next, from)) }
        await primeState(cursor, state)
      }
    }
  } finally {
    changes.close()
    await cursor?.file.handle.close()
  }
}

/** The file that holds `from`, or the newest when all is older; none when there is no log yet. */
function findStart(files: readonly LogFile[], from: number): LogFile | undefined {
  return files.find((file) => offsetOf(file, file.size) > from) ?? files.at(-1)
}

/** The file after this one; the oldest kept when this one is gone already. */
function findSuccessor(files: readonly LogFile[], file: LogFile): LogFile | undefined {
  return files[files.findIndex(({ identity }) => identity === file.identity) + 1]
}

/** Reads the open pieces of a line that began before the cursor. */
async function primeState(cursor: { readonly file: LogFile; readonly byte: number }, state: LogParseState) {
  const start = await findWholeStart(cursor.file, cursor.byte)
  if (start === cursor.byte) return
  for await (const _ of readLines(cursor.file, { start, until: cursor.byte }, state));
}

/** Wakes when a folder changes, and every 250 ms in case a change was missed; at most every 16 ms. */
function createChangeSignal(folder: string, signal: AbortSignal): { next(): Promise<void>; close(): void } {
  let wake: (() => void) | undefined
  let isDirty = false
  let last = 0
  const tell = () => {
    isDirty = true
    wake?.()
  }
  const watcher = tryWatch(folder, tell)
  signal.addEventListener('abort', tell, { once: true })
  const sleep = (milliseconds: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  return {
    async next() {
      if (!isDirty && !signal.aborted) await sleep(FALLBACK_MS)
      wake = undefined
      const early = BATCH_MS - (performance.now() - last)
      if (early > 0 && !signal.aborted) await new Promise<void>((resolve) => setTimeout(resolve, early))
      isDirty = false
      last = performance.now()
    },
    close() {
      signal.removeEventListener('abort', tell)
      watcher?.close()
    },
  }
}

/** `undefined` where watching fails (no folder yet, no inotify watch left): the fallback finds changes then. */
function tryWatch(folder: string, tell: () => void) {
  try {
    return watch(folder, tell).on('error', () => {})
  } catch {
    return undefined
  }
}
