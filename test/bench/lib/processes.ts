import { readdirSync, readFileSync } from 'node:fs'

/** The process id that a file holds. */
export const pidIn = (file: string): number => Number(readFileSync(file, 'utf8').trim())

/** Memory of a process with its share of what it shares (PSS, proc(5) `smaps_rollup`), in MiB. */
export function proportionalMiB(pid: number): number {
  const kibibytes = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]
  return Number(kibibytes) / 1024
}

/** Process ids of the children of a process, in order. */
export const childrenOf = (pid: number): number[] =>
  readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' '))
    .filter(Boolean)
    .map(Number)
    .sort((a, b) => a - b)

/** A process and everything below it. */
export const descendantsOf = (pid: number): number[] => [pid, ...childrenOf(pid).flatMap(descendantsOf)]
