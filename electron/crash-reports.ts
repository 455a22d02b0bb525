import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { AppLogLine, CrashReport } from '../engine/contract/desktop.ts'
import { scrub } from '../engine/log.ts'
import { writeWhole } from './write-file.ts'

/*
 * Reports of crashes, for people to read; they stay on this machine:
 *
 *   <root>/crashes/2026-01-31T12-00-00-000Z-window.txt
 */
const KEPT = 20
const NAME = /^(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z)-(app|window|helper|ended)\.txt$/

/** What is known of a crash. */
export interface Crash {
  readonly what: CrashReport['what']
  /** What happened, in the words of whoever noticed it. */
  readonly cause: string
  readonly versions: Readonly<Record<string, string>>
  readonly lines: readonly AppLogLine[]
}

/** The reports below a data root. */
export function openReports(root: string, now: () => Date) {
  const folder = path.join(root, 'crashes')
  const list = (): readonly CrashReport[] =>
    readNames(folder)
      .map((file) => ({ file, match: NAME.exec(file) }))
      .flatMap(({ file, match }) => (match ? [toReport(file, match)] : []))
      .toSorted((a, b) => b.time.localeCompare(a.time))
  return {
    folder,
    list,
    /** Writes a report at once, since the process may be about to end; only the newest are kept. */
    write(crash: Crash): CrashReport {
      const time = now().toISOString()
      const file = `${time.replace(/[:.]/g, '-')}-${crash.what}.txt`
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      writeWhole(path.join(folder, file), scrub(reportText(crash, time)))
      for (const old of list().slice(KEPT)) rmSync(path.join(folder, old.file), { force: true })
      return { file, time, what: crash.what }
    },
    /** The text of a report; empty when there is none of that name. */
    read(file: string): string {
      try {
        return NAME.test(file) ? readFileSync(path.join(folder, file), 'utf8') : ''
      } catch {
        return ''
      }
    },
  }
}
export type Reports = ReturnType<typeof openReports>

/** A report as text: what happened, on what, and the last lines of the log. */
function reportText({ what, cause, versions, lines }: Crash, time: string): string {
  const facts = Object.entries({ time, what, ...versions }).map(([name, value]) => `${`${name}:`.padEnd(12)}${value}`)
  const log = lines.map(({ time: at, level, message, fields }) =>
    `${at} ${level.padEnd(5)} ${message} ${fields}`.trim(),
  )
  return ['Slipway: report of a crash', '', ...facts, '', cause, '', 'The last lines of the log:', '', ...log, ''].join(
    '\n',
  )
}

function toReport(file: string, [, stamp = '', what]: RegExpExecArray): CrashReport {
  const [date, clock = ''] = stamp.split('T')
  const [hours, minutes, seconds, milliseconds] = clock.split('-')
  return { file, time: `${date}T${hours}:${minutes}:${seconds}.${milliseconds}`, what: what as CrashReport['what'] }
}

function readNames(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
