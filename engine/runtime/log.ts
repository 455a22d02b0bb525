import { watch } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import path from 'node:path'
import type { LogLine } from '../contract/container.ts'
import { newParseState, parseLogLine } from './log-parse.ts'

/*
 * A log is `PATH.2`, `PATH.1`, `PATH`, oldest first; full files are renamed one on. A line's offset must grow from file
 * to file and stay the same after a rename and a restart, so it is made of the time of the file's first line and of
 * the place in the file:
 *
 *   offset = seconds since 2026 × 2^24 + byte
 *
 * which stays below 2^53 for 17 years and allows files of 16 MiB. Two files born in the same second overlap: a
 * container that fills more than one file a second can lose lines of a follower, never of the log itself.
 */
const EPOCH = Date.UTC(2026, 0, 1)
const FILE_SPAN = 2 ** 24
const CHUNK = 256 * 1024
const BATCH = 512
const FALLBACK_MS = 250

interface LogFile {
  readonly path: string
  readonly base: number
  readonly size: number
}

export interface LogReader {
  window(options: {
    readonly before?: number | undefined
    readonly tail: number
    readonly search: string
  }): Promise<{ lines: LogLine[]; endOffset: number; hasOlder: boolean }>
  follow(options: { readonly from: number; readonly signal: AbortSignal }): AsyncIterable<LogLine[]>
}

/** Reads a container's log: windows from the end, or everything from an offset on, over rotation. */
export function createLogReader(options: { readonly path: string; readonly maxFiles: number }): LogReader {
  const listFiles = () => openFiles(options)
  return {
    async window({ before = Number.MAX_SAFE_INTEGER, tail, search }) {
      const files = await listFiles()
      const last = files.at(-1)
      const endOffset = last ? last.base + last.size : 0
      const lines: LogLine[] = []
      let hasOlder = false
      for (const file of files.reverse()) {
        if (file.base >= before) continue
        const found: LogLine[] = []
        for await (const batch of readFrom(file, 0)) {
          for (const line of batch)
            if (line.offset < before && (search === '' || line.text.includes(search))) found.push(line)
          if (found.length > tail * 4) found.splice(0, found.length - tail - 1)
        }
        lines.unshift(...found)
        if (lines.length > tail) {
          hasOlder = true
          lines.splice(0, lines.length - tail)
          break
        }
      }
      return { lines, endOffset, hasOlder }
    },
    async *follow({ from, signal }) {
      let position = from
      const changes = createChangeSignal(path.dirname(options.path), signal)
      try {
        while (!signal.aborted) {
          for (const file of await listFiles()) {
            if (file.base + file.size <= position) continue
            for await (const batch of readFrom(file, Math.max(0, position - file.base))) {
              if (batch.length) yield batch
              position = Math.max(position, batch.end)
              if (signal.aborted) return
            }
          }
          await changes.next()
        }
      } finally {
        changes.close()
      }
    },
  }
}

async function openFiles({ path: file, maxFiles }: { path: string; maxFiles: number }): Promise<LogFile[]> {
  const names = [...Array.from({ length: maxFiles - 1 }, (_, index) => `${file}.${maxFiles - 1 - index}`), file]
  const files = await Promise.all(
    names.map(async (name): Promise<LogFile | null> => {
      const size = await stat(name).then(
        (stats) => stats.size,
        () => 0,
      )
      return size > 0 ? { path: name, size, base: await baseOf(name) } : null
    }),
  )
  return files.filter((found) => found !== null)
}

async function baseOf(file: string): Promise<number> {
  const handle = await open(file, 'r')
  try {
    const buffer = Buffer.alloc(40)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0)
    const born = Date.parse(
      buffer
        .toString('latin1', 0, bytesRead)
        .split(' ')[0]
        ?.replace(/(\.\d{3})\d*/, '$1') ?? '',
    )
    return Number.isNaN(born) ? 0 : Math.floor((born - EPOCH) / 1000) * FILE_SPAN
  } finally {
    await handle.close()
  }
}

/** Whole lines of a file from a byte on, in batches; `end` is the offset behind the last. */
async function* readFrom(file: LogFile, start: number): AsyncIterable<LogLine[] & { end: number }> {
  const handle = await open(file.path, 'r')
  const state = newParseState()
  try {
    let rest = Buffer.alloc(0)
    let at = start
    let lines: LogLine[] = []
    const emit = () => {
      const batch = Object.assign(lines, { end: file.base + at - rest.length })
      lines = []
      return batch
    }
    for (;;) {
      const buffer = Buffer.alloc(CHUNK)
      const { bytesRead } = await handle.read(buffer, 0, CHUNK, at)
      if (bytesRead === 0) break
      let bytes = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
      let lineStart = at - rest.length
      at += bytesRead
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10)) {
        const line = parseLogLine(bytes.toString('utf8', 0, end), file.base + lineStart, state)
        if (line) lines.push(line)
        bytes = bytes.subarray(end + 1)
        lineStart += end + 1
        rest = bytes
        if (lines.length >= BATCH) yield emit()
      }
      rest = Buffer.from(bytes)
      yield emit()
    }
  } finally {
    await handle.close()
  }
}

/** Wakes when a folder changes, and every 250 ms in case a change was missed. */
function createChangeSignal(folder: string, signal: AbortSignal): { next(): Promise<void>; close(): void } {
  let wake: (() => void) | undefined
  let isDirty = false
  const tell = () => {
    isDirty = true
    wake?.()
  }
  const watcher = watch(folder, tell)
  watcher.on('error', () => {})
  signal.addEventListener('abort', tell, { once: true })
  return {
    async next() {
      if (!isDirty) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, FALLBACK_MS)
          wake = () => (clearTimeout(timer), resolve())
        })
      }
      wake = undefined
      isDirty = false
    },
    close: () => watcher.close(),
  }
}
