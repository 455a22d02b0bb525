import { readFileSync } from 'node:fs'

/** The name of a running program, as the kernel has it; empty when there is none of that number. */
export function programName(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim()
  } catch {
    return ''
  }
}
