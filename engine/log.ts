import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import path from 'node:path'
import { pino, stdTimeFunctions } from 'pino'
import type { AppLogLine } from './contract/desktop.ts'
import type { Logger } from './service/context.ts'

/*
 * The app's own log, beside the data it speaks of:
 *
 *   <root>/logs/slipway.log   slipway.log.1   slipway.log.2     a JSON line each, the oldest file last
 *
 * Lines are written at once and not gathered: the last line before a crash is the one that matters.
 */
const FILE = 'slipway.log'
const MAX_BYTES = 1024 * 1024
const MAX_FILES = 3
const HIDDEN = '[hidden]'
const SECRET_FIELDS = ['password', 'token', 'identitytoken', 'auth', 'authorization', 'env', 'headers', 'secret']

/** The app's log. */
export interface AppLog {
  readonly log: Logger
  readonly folder: string
  /** The newest lines, oldest first. */
  tail(count: number): readonly AppLogLine[]
  /** Hears each line as it is written; answers with how to stop that. */
  follow(listener: (line: AppLogLine) => void): () => void
}

/** Opens the log below a data root. A disk that takes no line loses it: the engine goes on. */
export function openLog(options: {
  readonly root: string
  readonly maxBytes?: number
  /** Also gets each line as it is in the file. */
  readonly copyTo?: (line: string) => void
}): AppLog {
  const folder = path.join(options.root, 'logs')
  const file = path.join(folder, FILE)
  const listeners = new Set<(line: AppLogLine) => void>()
  const append = createAppender(file, options.maxBytes ?? MAX_BYTES)
  const write = (raw: string) => {
    const line = scrub(raw)
    append(line)
    options.copyTo?.(line)
    const parsed = listeners.size > 0 ? parseLine(line) : null
    if (parsed) for (const listener of listeners) listener(parsed)
  }
  const log = pino(
    {
      level: 'info',
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_FIELDS.flatMap((name) => [name, `*.${name}`]), censor: HIDDEN },
    },
    { write },
  )
  return {
    log,
    folder,
    tail: (count) => readTail(file, count),
    follow(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** Writes a line to stderr while somebody listens: a terminal or a pipe that was closed is no reason to end. */
export function writeToTerminal(line: string): void {
  if (process.stderr.listenerCount('error') === 0) process.stderr.on('error', () => {})
  if (process.stderr.writable) process.stderr.write(line)
}

/** Appends to a file and, when that is full, begins a new one beside it. */
function createAppender(file: string, maxBytes: number): (line: string) => void {
  let descriptor: number | undefined
  let bytes = 0
  const open = () => {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o711 })
    descriptor = openSync(file, 'a', 0o600)
    bytes = fstatSync(descriptor).size
  }
  const rotate = () => {
    if (descriptor !== undefined) closeSync(descriptor)
    descriptor = undefined
    for (let number = MAX_FILES - 1; number > 0; number -= 1) {
      try {
        renameSync(number === 1 ? file : `${file}.${number - 1}`, `${file}.${number}`)
      } catch {
        // There are not so many yet.
      }
    }
    open()
  }
  return (line) => {
    try {
      if (descriptor === undefined) open()
      if (bytes > 0 && bytes + line.length > maxBytes) rotate()
      bytes += writeSync(descriptor as number, line)
    } catch {
      // A full or read-only disk: there is no better place to say so.
    }
  }
}

/** Takes out what the message of somebody's error may carry: credentials in addresses and headers. */
export function scrub(line: string): string {
  return line
    .replace(/\/\/[^\s/@"\\]+@/g, `//${HIDDEN}@`)
    .replace(/\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{6,}/gi, `$1 ${HIDDEN}`)
    .replace(/\b(password|passwd|token|secret)(=|: ?)(?!\[hidden\])[^\s"'&,;\\]+/gi, `$1$2${HIDDEN}`)
}

function readTail(file: string, count: number): readonly AppLogLine[] {
  const lines: AppLogLine[] = []
  for (let number = 0; number < MAX_FILES && lines.length < count; number += 1) {
    const texts = readText(number === 0 ? file : `${file}.${number}`).split('\n')
    while (texts.length > 0 && lines.length < count) {
      const line = parseLine(texts.pop() as string)
      if (line) lines.push(line)
    }
  }
  return lines.reverse()
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

const LEVELS: Readonly<Record<string, AppLogLine['level']>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
  fatal: 'error',
}

/** Reads a line of the file; `null` for one that a crash has torn. */
export function parseLine(text: string): AppLogLine | null {
  try {
    const { level, time, msg, ...fields } = JSON.parse(text) as Record<string, unknown>
    return {
      time: String(time),
      level: LEVELS[String(level)] ?? 'info',
      message: String(msg ?? ''),
      fields: Object.keys(fields).length > 0 ? JSON.stringify(fields) : '',
    }
  } catch {
    return null
  }
}
