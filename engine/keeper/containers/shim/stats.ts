import fs from 'node:fs'
import type { HostStats, ProcessRef } from '../../../host/host.ts'
import { isAlive, readStatFields } from '../../libc/process.ts'
import { type CgroupUsage, findCgroups, parseCgroupMounts, parseNetDev, readCgroupUsage } from './cgroup.ts'

/** Linux counts CPU time for userland in hundredths of a second, whatever its own tick. */
const NANOSECONDS_PER_TICK = 1e7

/** What containers use now, by init process; those that are gone are left out. */
export function readStats(
  containers: readonly { readonly containerId: string; readonly init: ProcessRef }[],
): HostStats[] {
  const mounts = parseCgroupMounts(readText('/proc/self/mountinfo'))
  const ours = findCgroups(readText('/proc/self/cgroup'), mounts)
  let members: Map<string, number[]> | undefined
  return containers.flatMap(({ containerId, init }) => {
    if (!isAlive(init)) return []
    let usage = readCgroupUsage(findCgroups(readText(`/proc/${init.pid}/cgroup`), mounts), ours, readText)
    if (!usage) {
      members ??= listPidNamespaces()
      usage = sumProcesses(members.get(pidNamespace(init.pid)) ?? [init.pid])
    }
    return [{ containerId, time: performance.now(), ...usage, ...parseNetDev(readText(`/proc/${init.pid}/net/dev`)) }]
  })
}

/** Without cgroups: the sum over the processes of a pid namespace. Reaped children are counted with their parents. */
function sumProcesses(pids: readonly number[]): CgroupUsage {
  const total = { cpuNanoseconds: 0, memoryBytes: 0, memoryLimitBytes: 0, pids: 0, readBytes: 0, writtenBytes: 0 }
  for (const pid of pids) {
    const fields = readStatFields(pid)
    if (!fields.length) continue
    const ticks = fields.slice(11, 15).reduce((sum, text) => sum + Number(text), 0)
    const io = readText(`/proc/${pid}/io`)
    total.cpuNanoseconds += ticks * NANOSECONDS_PER_TICK
    total.memoryBytes += Number(/^VmRSS:\s+(\d+)/m.exec(readText(`/proc/${pid}/status`))?.[1] ?? 0) * 1024
    total.pids += Number(fields[17] ?? 1)
    total.readBytes += Number(/^read_bytes: (\d+)/m.exec(io)?.[1] ?? 0)
    total.writtenBytes += Number(/^write_bytes: (\d+)/m.exec(io)?.[1] ?? 0)
  }
  return total
}

/** Processes by pid namespace, without our own. */
export function listPidNamespaces(): Map<string, number[]> {
  const found = new Map<string, number[]>()
  for (const name of fs.readdirSync('/proc')) {
    const pid = Number(name)
    const namespace = pid ? pidNamespace(pid) : ''
    if (namespace) found.set(namespace, [...(found.get(namespace) ?? []), pid])
  }
  // A container that shares our namespace cannot be told from us by it.
  found.delete(pidNamespace(process.pid))
  return found
}

/** A process's pid namespace as `/proc` names it, `''` when it is gone. */
export function pidNamespace(pid: number): string {
  try {
    return fs.readlinkSync(`/proc/${pid}/ns/pid`)
  } catch {
    return ''
  }
}

function readText(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
