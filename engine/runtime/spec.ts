import type { ResolvedMount } from '../store/schema.ts'
import type { ResolvedUser } from './user.ts'

/** Everything that a container's OCI spec follows from. */
export interface SpecInput {
  readonly containerId: string
  readonly rootfs: string
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly workingDir: string
  readonly user: ResolvedUser
  readonly hostname: string
  readonly tty: boolean
  readonly privileged: boolean
  readonly readOnlyRootfs: boolean
  /** Path of an init on the host to run as pid 1, or `''`. */
  readonly initPath: string
  readonly capabilities: readonly string[]
  readonly seccomp: object | null
  /** `''`: the host's network. */
  readonly netnsPath: string
  readonly files: { readonly hosts: string; readonly hostname: string; readonly resolvConf: string }
  readonly mounts: readonly Pick<ResolvedMount, 'type' | 'hostPath' | 'target' | 'readOnly' | 'propagation'>[]
  readonly resources: { readonly memoryBytes: number; readonly cpus: number; readonly pids: number }
  readonly cgroup: 'v1' | 'hybrid' | 'v2' | 'none'
  readonly rootless: boolean
  /** Processors of the host, whose throttle counters are masked. */
  readonly cpuCount?: number
  /** Text of the keeper's `/proc/self/mountinfo` in rootless mode: binds keep the flags that the kernel has locked. */
  readonly mountInfo?: string
}

const PERIOD = 100_000
const MASKED = [
  ...[
    'asound',
    'acpi',
    'interrupts',
    'kcore',
    'keys',
    'latency_stats',
    'timer_list',
    'timer_stats',
    'sched_debug',
    'scsi',
  ].map((name) => `/proc/${name}`),
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]
const READ_ONLY = ['bus', 'fs', 'irq', 'sys', 'sysrq-trigger'].map((name) => `/proc/${name}`)

/** The process part of the spec; also what a new process in the container is described by. */
export function buildProcess(
  input: Pick<SpecInput, 'args' | 'env' | 'workingDir' | 'user' | 'tty' | 'capabilities'>,
): object {
  const { capabilities, user } = input
  return {
    terminal: input.tty,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: input.args,
    env: [
      ...input.env,
      ...(input.tty && !input.env.some((entry) => entry.startsWith('TERM=')) ? ['TERM=xterm'] : []),
      ...(input.env.some((entry) => entry.startsWith('HOME=')) ? [] : [`HOME=${user.home}`]),
    ],
    cwd: input.workingDir,
    // Inheritable and ambient stay empty (CVE-2022-24769).
    capabilities: {
      bounding: capabilities,
      permitted: user.uid === 0 ? capabilities : [],
      effective: user.uid === 0 ? capabilities : [],
    },
    noNewPrivileges: false,
  }
}

/** The OCI spec that dockerd gives by default (moby `oci/defaults.go`), with the request laid over it. */
export function buildSpec(input: SpecInput): object {
  const { initPath, privileged, rootless } = input
  const args = initPath ? ['/sbin/docker-init', '--', ...input.args] : input.args
  const hasCgroups = !rootless && input.cgroup !== 'none'
  return {
    ociVersion: '1.0.2',
    // Rootless cannot lower it and inherits the keeper's.
    process: { ...buildProcess({ ...input, args }), ...(rootless ? {} : { oomScoreAdj: 0 }) },
    root: { path: input.rootfs, readonly: input.readOnlyRootfs },
    hostname: input.hostname,
    mounts: [...baseMounts(input), ...engineMounts(input), ...input.mounts.map((mount) => userMount(mount, input))],
    linux: {
      namespaces: [
        ...['mount', 'uts', 'pid', 'ipc'].map((type) => ({ type })),
        ...(input.netnsPath ? [{ type: 'network', path: input.netnsPath }] : []),
        ...(hasCgroups && input.cgroup === 'v2' ? [{ type: 'cgroup' }] : []),
      ],
      // The host's own settings are not the container's to change.
      ...(input.netnsPath ? { sysctl: networkSysctls(rootless) } : {}),
      ...(hasCgroups ? { cgroupsPath: `/slipway/${input.containerId}`, resources: buildResources(input) } : {}),
      ...(privileged
        ? {}
        : { maskedPaths: [...MASKED, ...throttlePaths(input.cpuCount ?? 0)], readonlyPaths: READ_ONLY }),
      ...(input.seccomp && !privileged ? { seccomp: input.seccomp } : {}),
    },
  }
}

function networkSysctls(rootless: boolean): Record<string, string> {
  return {
    'net.ipv4.ip_unprivileged_port_start': '0',
    ...(rootless ? {} : { 'net.ipv4.ping_group_range': '0 2147483647' }),
  }
}

function buildResources({ resources, privileged }: SpecInput): object {
  const { memoryBytes, cpus, pids } = resources
  const allow = (major: number, minor: number) => ({ allow: true, type: 'c', major, minor, access: 'rwm' })
  return {
    devices: privileged
      ? [{ allow: true, access: 'rwm' }]
      : [
          { allow: false, access: 'rwm' },
          ...[5, 3, 9, 8].map((minor) => allow(1, minor)),
          allow(5, 0),
          allow(5, 1),
          { ...allow(10, 229), allow: false },
        ],
    ...(memoryBytes > 0 ? { memory: { limit: memoryBytes, swap: memoryBytes * 2 } } : {}),
    ...(cpus > 0 ? { cpu: { quota: Math.round(cpus * PERIOD), period: PERIOD } } : {}),
    ...(pids > 0 ? { pids: { limit: pids } } : {}),
  }
}

function baseMounts({ privileged, rootless, cgroup, netnsPath }: SpecInput): object[] {
  const mode = privileged ? 'rw' : 'ro'
  // A user namespace may mount sysfs only for a network namespace of its own.
  const isHostNetwork = rootless && !netnsPath
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    isHostNetwork
      ? { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'] }
      : { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', mode] },
    ...(rootless || cgroup === 'none'
      ? []
      : [
          {
            destination: '/sys/fs/cgroup',
            type: 'cgroup',
            source: 'cgroup',
            options: [mode, 'nosuid', 'noexec', 'nodev'],
          },
        ]),
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=67108864'],
    },
  ]
}

function engineMounts({ files, initPath, readOnlyRootfs, mountInfo }: SpecInput): object[] {
  const bind = (source: string, destination: string, isReadOnly = readOnlyRootfs) => ({
    destination,
    type: 'bind',
    source,
    options: bindOptions(source, { isReadOnly, propagation: 'rprivate', mountInfo }),
  })
  return [
    bind(files.resolvConf, '/etc/resolv.conf'),
    bind(files.hostname, '/etc/hostname'),
    bind(files.hosts, '/etc/hosts'),
    ...(initPath ? [bind(initPath, '/sbin/docker-init', true)] : []),
  ]
}

function userMount(
  { type, hostPath, target, readOnly, propagation }: SpecInput['mounts'][number],
  { mountInfo }: SpecInput,
): object {
  const access = readOnly ? ['ro'] : []
  if (type === 'tmpfs')
    return { destination: target, type: 'tmpfs', source: 'tmpfs', options: ['noexec', 'nosuid', 'nodev', ...access] }
  const options = bindOptions(hostPath, { isReadOnly: readOnly, propagation, mountInfo })
  return { destination: target, type: 'bind', source: hostPath, options }
}

function bindOptions(
  source: string,
  how: { readonly isReadOnly: boolean; readonly propagation: string; readonly mountInfo: string | undefined },
): string[] {
  const locked = how.mountInfo ? lockedFlags(how.mountInfo, source) : []
  return [...new Set(['rbind', how.propagation, ...(how.isReadOnly ? ['ro'] : []), ...locked])]
}

/** Flags of the mount that a path lies on which a user namespace may not take away (moby `mountopts`). */
export function lockedFlags(mountInfo: string, path: string): string[] {
  let best = { point: '', flags: '' }
  for (const line of mountInfo.split('\n')) {
    const [, , , , escaped = '', flags = ''] = line.split(' ')
    const point = escaped.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    const isAbove = path === point || path.startsWith(point === '/' ? '/' : `${point}/`)
    if (point && isAbove && point.length >= best.point.length) best = { point, flags }
  }
  return best.flags.split(',').filter((flag) => ['ro', 'nosuid', 'nodev', 'noexec'].includes(flag))
}

function throttlePaths(count: number): string[] {
  return Array.from({ length: count }, (_, cpu) => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`)
}
