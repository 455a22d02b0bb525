import fs from 'node:fs'
import os from 'node:os'
import type { ProcessRef } from '../../host/host.ts'
import { libc } from './core.ts'

const SIGRTMIN = 34
const SIGRTMAX = 64

/** Fields of `/proc/PID/stat` that follow the name: [0] is field 3, the state. Empty when there is no such process. */
export function readStatFields(pid: number): readonly string[] {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1')
    return text
      .slice(text.lastIndexOf(')') + 2)
      .trim()
      .split(' ')
  } catch {
    return []
  }
}

/** Start time of a process in clock ticks since boot (field 22); 0 when it is gone. */
export function readStartTicks(pid: number): number {
  return Number(readStatFields(pid)[19] ?? 0)
}

/** Whether exactly this process lives; a zombie does not. */
export function isAlive({ pid, startTicks }: ProcessRef): boolean {
  if (pid <= 0) return false
  const fields = readStatFields(pid)
  return Number(fields[19]) === startTicks && fields[0] !== 'Z' && fields[0] !== 'X'
}

/** Signals a process if it is still the one meant. Answers whether it was. */
export function signalProcess(ref: ProcessRef, signal: number): boolean {
  if (!isAlive(ref)) return false
  try {
    process.kill(ref.pid, signal)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/** The number of `SIGTERM`, `TERM`, `15` or `SIGRTMIN+3`; 0 when there is no such signal. */
export function signalNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text)
  const name = text.startsWith('SIG') ? text : `SIG${text}`
  const realtime = /^SIGRTM(IN|AX)(?:([+-]\d+))?$/.exec(name)
  if (realtime) return (realtime[1] === 'IN' ? SIGRTMIN : SIGRTMAX) + Number(realtime[2] ?? 0)
  return os.constants.signals[name as NodeJS.Signals] ?? 0
}

const SYS_pidfd_open = 434
const syscall = libc.func('long syscall(long, long, long)')

/** A descriptor that becomes readable when the process ends; −1 when there is no such process. */
export const openPidfd = (pid: number): number => Number(syscall(SYS_pidfd_open, pid, 0))
