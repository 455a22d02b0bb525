import { readFileSync } from 'node:fs'
import type { HostStats } from '../../host/host.ts'

/** Reads a small file, `''` when it is not there. */
export type ReadText = (path: string) => string

const readText: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** Which layout of control groups this machine has (cgroups(7)). */
export function detectCgroup(read: ReadText = readText): 'v1' | 'hybrid' | 'v2' | 'none' {
  const mounts = read('/proc/self/mountinfo')
  const hasUnified = / - cgroup2 /.test(mounts)
  const hasV1 = / - cgroup [^\n]*\b(memory|cpu|pids)\b/.test(mounts)
  if (hasV1) return hasUnified ? 'hybrid' : 'v1'
  return hasUnified ? 'v2' : 'none'
}

/** `/proc/<pid>/cgroup` as controller → path; the v2 path under `''`. */
export function parseCgroupFile(text: string): Map<string, string> {
  const paths = new Map<string, string>()
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line)
    if (match) for (const controller of (match[1] ?? '').split(',')) paths.set(controller.replace(/^name=/, ''), match[2] ?? '')
  }
  return paths
}

const HUGE = 2 ** 60
const limitOf = (text: string) => {
  const value = Number(text)
  return Number.isFinite(value) && value > 0 && value < HUGE ? value : 0
}
const keyed = (text: string, key: string) => Number(new RegExp(`^${key} (\\d+)`, 'm').exec(text)?.[1] ?? 0)

/** What a container uses, from its control groups, or from its processes where it has none of its own. */
export function readStats(containerId: string, pid: number, read: ReadText = readText): HostStats {
  const groups = parseCgroupFile(read(`/proc/${pid}/cgroup`))
  const own = (controller: string) => (groups.get(controller)?.includes(containerId) ? groups.get(controller) : undefined)
  const base = { containerId, time: performance.now(), ...readNetwork(read(`/proc/${pid}/net/dev`)) }
  const memory = own('memory')
  if (memory) return { ...base, ...readV1({ memory, cpuacct: own('cpuacct') ?? '', pids: own('pids') ?? '', blkio: own('blkio') ?? '' }, read) }
  const unified = own('')
  if (unified && read(`/sys/fs/cgroup${unified}/memory.current`)) return { ...base, ...readV2(`/sys/fs/cgroup${unified}`, read) }
  return { ...base, ...readProcess(pid, read) }
}

type Usage = Omit<HostStats, 'containerId' | 'time' | 'rxBytes' | 'txBytes'>

function readV1(paths: { memory: string; cpuacct: string; pids: string; blkio: string }, read: ReadText): Usage {
  const at = (controller: keyof typeof paths, file: string) => read(`/sys/fs/cgroup/${controller}${paths[controller]}/${file}`)
  const io = at('blkio', 'blkio.throttle.io_service_bytes')
  const sum = (word: string) => [...io.matchAll(new RegExp(`${word} (\\d+)`, 'g'))].reduce((total, match) => total + Number(match[1]), 0)
  return {
    cpuNanoseconds: Number(at('cpuacct', 'cpuacct.usage')),
    memoryBytes: Math.max(0, Number(at('memory', 'memory.usage_in_bytes')) - keyed(at('memory', 'memory.stat'), 'total_inactive_file')),
    memoryLimitBytes: limitOf(at('memory', 'memory.limit_in_bytes')),
    pids: Number(at('pids', 'pids.current')),
    readBytes: sum('Read'),
    writtenBytes: sum('Write'),
  }
}

function readV2(folder: string, read: ReadText): Usage {
  const io = read(`${folder}/io.stat`)
  const sum = (word: string) => [...io.matchAll(new RegExp(`${word}=(\\d+)`, 'g'))].reduce((total, match) => total + Number(match[1]), 0)
  return {
    cpuNanoseconds: keyed(read(`${folder}/cpu.stat`), 'usage_usec') * 1000,
    memoryBytes: Math.max(0, Number(read(`${folder}/memory.current`)) - keyed(read(`${folder}/memory.stat`), 'inactive_file')),
    memoryLimitBytes: limitOf(read(`${folder}/memory.max`)),
    pids: Number(read(`${folder}/pids.current`)),
    readBytes: sum('rbytes'),
    writtenBytes: sum('wbytes'),
  }
}

/** The main process and its children: what an unprivileged user may see without delegated control groups. */
function readProcess(pid: number, read: ReadText): Usage {
  const pids = descendants(pid, read)
  let ticks = 0
  let pages = 0
  for (const one of pids) {
    const stat = read(`/proc/${one}/stat`)
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    ticks += [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index] ?? 0), 0)
    pages += Number(fields[21] ?? 0)
  }
  return { cpuNanoseconds: ticks * 1e7, memoryBytes: pages * 4096, memoryLimitBytes: 0, pids: pids.length, readBytes: 0, writtenBytes: 0 }
}

function descendants(pid: number, read: ReadText): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number)
  return [pid, ...children.flatMap((child) => descendants(child, read))]
}

function readNetwork(text: string): { rxBytes: number; txBytes: number } {
  let [rxBytes, txBytes] = [0, 0]
  for (const match of text.matchAll(/^\s*(\S+):\s*(.*)$/gm)) {
    if (match[1] === 'lo') continue
    const fields = (match[2] ?? '').trim().split(/\s+/)
    rxBytes += Number(fields[0])
    txBytes += Number(fields[8])
  }
  return { rxBytes, txBytes }
}
