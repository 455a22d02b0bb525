import type { HostStats } from '../../../host/host.ts'

/*
 * Pure readers of cgroup files. v1 has a tree for each controller, v2 one for all; hybrid is v1 with an empty v2 tree.
 * `/proc/PID/cgroup`: `9:memory:/a/b` a controller of v1, `0::/a/b` the v2 tree.
 */
export interface CgroupPlaces {
  /** Folder of each v1 controller. */
  readonly v1: ReadonlyMap<string, string>
  /** Folder in the v2 tree, `''` when there is none. */
  readonly v2: string
}
export interface CgroupUsage {
  readonly cpuNanoseconds: number
  readonly memoryBytes: number
  readonly memoryLimitBytes: number
  readonly pids: number
  readonly readBytes: number
  readonly writtenBytes: number
}
/** A file's text, `''` when it is missing. */
export type ReadText = (path: string) => string

interface CgroupMount {
  readonly mountPoint: string
  readonly root: string
  /** `''` for the v2 tree. */
  readonly controllers: readonly string[]
}

/** More than any machine has: cgroup v1's word for "no limit". */
const UNLIMITED = 2 ** 60

/** cgroup mounts of a `/proc/self/mountinfo`. */
export function parseCgroupMounts(mountinfo: string): CgroupMount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root = '', mountPoint = ''] = before.split(' ')
    const [type, , options = ''] = after.split(' ')
    if (type === 'cgroup2') return [{ mountPoint, root, controllers: [''] }]
    return type === 'cgroup'
      ? [{ mountPoint, root, controllers: options.split(',').map((name) => name.replace(/^name=/, '')) }]
      : []
  })
}

/** The folders of a process's cgroups. */
export function findCgroups(procCgroup: string, mounts: readonly CgroupMount[]): CgroupPlaces {
  const v1 = new Map<string, string>()
  let v2 = ''
  for (const line of procCgroup.split('\n')) {
    const [, names, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (names === undefined || path === undefined) continue
    for (const name of names.replace(/^name=/, '').split(',')) {
      const mount = mounts.find(({ controllers }) => controllers.includes(name))
      if (!mount) continue
      const inside = mount.root !== '/' && path.startsWith(mount.root) ? path.slice(mount.root.length) : path
      const folder = `${mount.mountPoint}${inside === '/' ? '' : inside}`
      if (name) v1.set(name, folder)
      else v2 = folder
    }
  }
  return { v1, v2 }
}

/** Usage by whichever layout counts memory; `null` when these are not the container's own but `ours`, the keeper's. */
export function readCgroupUsage(places: CgroupPlaces, ours: CgroupPlaces, read: ReadText): CgroupUsage | null {
  if (places.v1.has('memory')) return places.v1.get('memory') === ours.v1.get('memory') ? null : readV1(places, read)
  return !places.v2 || places.v2 === ours.v2 ? null : readV2(places.v2, read)
}

function readV1({ v1 }: CgroupPlaces, read: ReadText): CgroupUsage {
  const file = (controller: string, name: string) => (v1.has(controller) ? read(`${v1.get(controller)}/${name}`) : '')
  const limit = number(file('memory', 'memory.limit_in_bytes'))
  const inactive = field(file('memory', 'memory.stat'), 'total_inactive_file')
  const io =
    file('blkio', 'blkio.throttle.io_service_bytes_recursive') || file('blkio', 'blkio.throttle.io_service_bytes')
  return {
    cpuNanoseconds: number(file('cpuacct', 'cpuacct.usage')),
    memoryBytes: Math.max(0, number(file('memory', 'memory.usage_in_bytes')) - inactive),
    memoryLimitBytes: limit >= UNLIMITED ? 0 : limit,
    pids: number(file('pids', 'pids.current')) || lines(file('memory', 'cgroup.procs')).length,
    readBytes: sum(io, /^\d+:\d+ Read (\d+)$/),
    writtenBytes: sum(io, /^\d+:\d+ Write (\d+)$/),
  }
}

function readV2(folder: string, read: ReadText): CgroupUsage | null {
  // A group whose memory is not counted: not delegated, for one.
  if (!read(`${folder}/memory.current`)) return null
  const io = read(`${folder}/io.stat`)
  const limit = read(`${folder}/memory.max`).trim()
  return {
    cpuNanoseconds: field(read(`${folder}/cpu.stat`), 'usage_usec') * 1000,
    memoryBytes: Math.max(
      0,
      number(read(`${folder}/memory.current`)) - field(read(`${folder}/memory.stat`), 'inactive_file'),
    ),
    memoryLimitBytes: limit === 'max' ? 0 : number(limit),
    pids: number(read(`${folder}/pids.current`)) || lines(read(`${folder}/cgroup.procs`)).length,
    readBytes: sum(io, / rbytes=(\d+)/),
    writtenBytes: sum(io, / wbytes=(\d+)/),
  }
}

/** Bytes received and sent by each interface of a `/proc/PID/net/dev` but loopback, and by all of them. */
export function parseNetDev(text: string): Pick<HostStats, 'interfaces' | 'rxBytes' | 'txBytes'> {
  const interfaces = text.split('\n').flatMap((line) => {
    const [, name, counters = ''] = /^\s*([^:\s]+):\s*(.*)$/.exec(line) ?? []
    if (!name || name === 'lo') return []
    const columns = counters.split(/\s+/)
    return [{ name, rxBytes: Number(columns[0] ?? 0), txBytes: Number(columns[8] ?? 0) }]
  })
  const rxBytes = interfaces.reduce((sum, one) => sum + one.rxBytes, 0)
  const txBytes = interfaces.reduce((sum, one) => sum + one.txBytes, 0)
  return { interfaces, rxBytes, txBytes }
}

const number = (text: string): number => Number(text.trim()) || 0
const lines = (text: string): string[] => text.split('\n').filter(Boolean)
const field = (text: string, name: string): number =>
  Number(
    lines(text)
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1] ?? 0,
  )
const sum = (text: string, pattern: RegExp): number =>
  lines(text).reduce((total, line) => total + Number(pattern.exec(line)?.[1] ?? 0), 0)
