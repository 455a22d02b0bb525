import fs from 'node:fs'
import { findProcesses } from '../../../host/find-processes.ts'
import type { ProcessRef } from '../../../host/host.ts'
import { readStartTicks, signalProcess } from '../../libc/process.ts'
import { readPid } from './records.ts'

const SIGHUP = 1
const SIGKILL = 9
const TICKS_PER_SECOND = 100

/*
 * What a keeper that was killed leaves in its folder of execs:
 *
 *   run-<uuid>/   a healthcheck that nobody waits for any more: it is ended
 *   <exec id>/    an exec behind a conmon that lives on: a terminal is hung up, the rest runs to its end
 */

/** Ends what nobody waits for, and answers with the shims to wait for, by the folder that goes with them. */
export function sweepExecs(execs: string): Map<string, ProcessRef> {
  const waiting = new Map<string, ProcessRef>()
  for (const name of fs.readdirSync(execs)) {
    const folder = `${execs}/${name}`
    const [owner] = findOwners(folder)
    const inside = processOf(`${folder}/pidfile`)
    if (name.startsWith('run-')) {
      for (const ref of [inside, owner]) if (ref) signalProcess(ref, SIGKILL)
    } else if (owner) {
      if (inside && hasTerminal(folder)) signalProcess(inside, SIGHUP)
      waiting.set(folder, owner)
      continue
    }
    fs.rmSync(folder, { recursive: true, force: true })
  }
  return waiting
}

/** Shims of which an argument is this folder or lies in it; others may read there, and are none of ours. */
export const findOwners = (folder: string): ProcessRef[] => findByName(folder, /^conmon$/)

/** Shims and runtimes that are still making what lies in a folder: a runtime goes on when its shim is gone. */
export const findMakers = (folder: string): ProcessRef[] => findByName(folder, /^(conmon|runc|crun)/)

const findByName = (folder: string, name: RegExp): ProcessRef[] =>
  findProcesses(folder)
    .filter((pid) => name.test(readName(pid)))
    .map((pid) => ({ pid, startTicks: readStartTicks(pid) }))

function readName(pid: number): string {
  try {
    return fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}

/** The process that a pid file tells of, unless its number was given to a younger one. */
function processOf(pidFile: string): ProcessRef | null {
  const pid = readPid(pidFile)
  const startTicks = pid ? readStartTicks(pid) : 0
  if (!startTicks) return null
  const bootedAt = Number(/^btime (\d+)/m.exec(fs.readFileSync('/proc/stat', 'utf8'))?.[1])
  const startedAt = bootedAt + startTicks / TICKS_PER_SECOND
  return startedAt <= fs.statSync(pidFile).mtimeMs / 1000 + 1 ? { pid, startTicks } : null
}

function hasTerminal(folder: string): boolean {
  try {
    return (JSON.parse(fs.readFileSync(`${folder}/process.json`, 'utf8')) as { terminal?: boolean }).terminal === true
  } catch {
    return false
  }
}
