import { readdirSync, readFileSync } from 'node:fs'

/** Ids of processes of which an argument is this folder or lies in it. */
export function findProcesses(folder: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const args = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
      return args.some((arg) => arg === folder || arg.startsWith(`${folder}/`)) ? [Number(name)] : []
    } catch {
      return []
    }
  })
}
