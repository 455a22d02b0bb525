import { describe, expect, it } from 'vitest'
import {
  type CgroupPlaces,
  findCgroups,
  parseCgroupMounts,
  parseNetDev,
  readCgroupUsage,
} from '../../../../engine/keeper/containers/shim/cgroup.ts'

const none: CgroupPlaces = { v1: new Map(), v2: '' }
const reader = (files: Record<string, string>) => (path: string) => files[path] ?? ''

describe('cgroup usage', () => {
  it('finds v1 controllers in a hybrid layout and takes a mount root off', () => {
    const mounts = parseCgroupMounts(
      '35 31 0:32 /outer /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    )
    const places = findCgroups('4:memory:/outer/c1\n2:cpu,cpuacct:/c1\n0::/\n', mounts)
    expect(places.v1.get('memory')).toBe('/sys/fs/cgroup/memory/c1')
    expect(places.v1.get('cpuacct')).toBe('/sys/fs/cgroup/cpu,cpuacct/c1')
    expect(places.v2).toBe('/sys/fs/cgroup/unified')
  })

  it('reads v1, without cache that can go and with no limit as 0', () => {
    const read = reader({
      '/m/memory.usage_in_bytes': '5000\n',
      '/m/memory.stat': 'cache 1\ntotal_inactive_file 1000\n',
      '/m/memory.limit_in_bytes': '9223372036854771712\n',
      '/c/cpuacct.usage': '77\n',
      '/p/pids.current': '3\n',
      '/b/blkio.throttle.io_service_bytes_recursive': '8:0 Read 10\n8:0 Write 20\n8:16 Read 1\nTotal 31\n',
    })
    const v1 = new Map([
      ['memory', '/m'],
      ['cpuacct', '/c'],
      ['pids', '/p'],
      ['blkio', '/b'],
    ])
    expect(readCgroupUsage({ v1, v2: '' }, none, read)).toEqual({
      cpuNanoseconds: 77,
      memoryBytes: 4000,
      memoryLimitBytes: 0,
      pids: 3,
      readBytes: 11,
      writtenBytes: 20,
    })
  })

  it('reads v2', () => {
    const read = reader({
      '/u/memory.current': '5000',
      '/u/memory.stat': 'inactive_file 500\n',
      '/u/memory.max': '1048576\n',
      '/u/cpu.stat': 'usage_usec 12\nuser_usec 1\n',
      '/u/pids.current': '2',
      '/u/io.stat': '8:0 rbytes=7 wbytes=9 rios=1\n',
    })
    expect(readCgroupUsage({ v1: new Map(), v2: '/u' }, none, read)).toEqual({
      cpuNanoseconds: 12_000,
      memoryBytes: 4500,
      memoryLimitBytes: 1_048_576,
      pids: 2,
      readBytes: 7,
      writtenBytes: 9,
    })
  })

  it('does not take the cgroup of the keeper for that of a container', () => {
    expect(readCgroupUsage({ v1: new Map(), v2: '/u' }, { v1: new Map(), v2: '/u' }, reader({}))).toBeNull()
  })

  it('counts the interfaces but loopback, and sums them', () => {
    const line = (name: string, rx: number, tx: number) => `  ${name}: ${rx} 1 0 0 0 0 0 0 ${tx} 2\n`
    const text = `Inter-| x\n face |x\n${line('lo', 9, 9)}${line('eth0', 100, 200)}${line('eth1', 1, 2)}`
    expect(parseNetDev(text)).toEqual({
      interfaces: [
        { name: 'eth0', rxBytes: 100, txBytes: 200 },
        { name: 'eth1', rxBytes: 1, txBytes: 2 },
      ],
      rxBytes: 101,
      txBytes: 202,
    })
  })
})
