import { readFileSync } from 'node:fs'
import type { ProcessRef } from '../../host/host.ts'

/** Start time of a process in clock ticks since boot (proc(5), stat field 22); −1 when it is gone or a zombie. */
export function startTicksOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? -1 : Number(fields[19])
  } catch {
    return -1
  }
}

/** The process by pid and start time. */
export function refOf(pid: number): ProcessRef {
  return { pid, startTicks: startTicksOf(pid) }
}

/** Whether exactly this process lives. */
export function isAlive({ pid, startTicks }: ProcessRef): boolean {
  return pid > 0 && startTicks >= 0 && startTicksOf(pid) === startTicks
}
