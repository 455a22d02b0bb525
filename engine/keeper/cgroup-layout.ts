import { readFileSync } from 'node:fs'

/** Which layout of control groups a machine has (cgroups(7)), from the text of `/proc/self/mountinfo`. */
export function cgroupLayoutOf(mountinfo: string): 'v1' | 'hybrid' | 'v2' | 'none' {
  const hasUnified = / - cgroup2 /.test(mountinfo)
  const hasV1 = / - cgroup [^\n]*\b(memory|cpu|pids)\b/.test(mountinfo)
  if (hasV1) return hasUnified ? 'hybrid' : 'v1'
  return hasUnified ? 'v2' : 'none'
}

/** The layout of this machine. */
export function detectCgroup(): 'v1' | 'hybrid' | 'v2' | 'none' {
  return cgroupLayoutOf(readFileSync('/proc/self/mountinfo', 'utf8'))
}
