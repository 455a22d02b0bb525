import type { ResourceLimits } from '../contract/container.ts'
import type { Ulimit } from '../contract/container-settings.ts'
import type { ResolvedMount } from '../store/schema.ts'
import type { Device } from './devices.ts'
import { buildMounts } from './spec-mounts.ts'
import { type BlockIoNumbers, buildLimits, buildResources, groupRootOf } from './spec-resources.ts'
import type { ResolvedUser } from './user.ts'

/** Whose namespaces a container has: `''` its own, `host`, or the path of another's. */
export interface NamespacePlaces {
  readonly pid: string
  readonly ipc: string
  readonly uts: '' | 'host'
  /** `''` follows the layout: its own on v2, the host's on v1. */
  readonly cgroup: '' | 'private' | 'host'
  /** `''` a tmpfs of its own, `none`, or the folder that is its /dev/shm. */
  readonly shm: string
}

/** Everything that a container's OCI spec follows from. */
export interface SpecInput {
  readonly containerId: string
  readonly rootfs: string
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly workingDir: string
  readonly user: ResolvedUser
  readonly hostname: string
  readonly domainname?: string
  readonly tty: boolean
  readonly privileged: boolean
  readonly readOnlyRootfs: boolean
  /** Path of an init on the host to run as pid 1, or `''`. */
  readonly initPath: string
  readonly capabilities: readonly string[]
  readonly seccomp: object | null
  readonly noNewPrivileges?: boolean
  /** `''`: none. */
  readonly appArmor?: string
  /** `''`: the host's network. */
  readonly netnsPath: string
  readonly places?: NamespacePlaces
  readonly files: { readonly hosts: string; readonly hostname: string; readonly resolvConf: string }
  readonly mounts: readonly ResolvedMount[]
  readonly resources: ResourceLimits
  readonly devices?: readonly Device[]
  readonly deviceCgroupRules?: readonly string[]
  readonly blockIo?: BlockIoNumbers
  readonly ulimits?: readonly Ulimit[]
  readonly sysctls?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly oomScoreAdj?: number
  /** 0: Docker's 64 MiB. */
  readonly shmSizeBytes?: number
  /** `null` or absent: Docker's own. */
  readonly maskedPaths?: readonly string[] | null
  readonly readOnlyPaths?: readonly string[] | null
  readonly cgroupParent?: string
  readonly cgroup: 'v1' | 'hybrid' | 'v2' | 'none'
  /** Below which group it is; `''`: it has none. */
  readonly cgroupRoot: string
  readonly rootless: boolean
  /** Processors of the host, whose throttle counters are masked. */
  readonly cpuCount?: number
  /** Text of the keeper's `/proc/self/mountinfo` in rootless mode: binds keep the flags that the kernel has locked. */
  readonly mountInfo?: string
  /** What its bind mounts make of the root; absent: nothing leaves it. */
  readonly rootPropagation?: 'shared' | 'rslave' | undefined
}

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
  input: Pick<
    SpecInput,
    'args' | 'env' | 'workingDir' | 'user' | 'tty' | 'capabilities' | 'noNewPrivileges' | 'appArmor' | 'ulimits'
  >,
): object {
  const { capabilities, user, ulimits = [], appArmor = '' } = input
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
    noNewPrivileges: input.noNewPrivileges ?? false,
    ...(appArmor ? { apparmorProfile: appArmor } : {}),
    ...(ulimits.length > 0
      ? { rlimits: ulimits.map(({ name, soft, hard }) => ({ type: `RLIMIT_${name.toUpperCase()}`, soft, hard })) }
      : {}),
  }
}

/** The OCI spec that dockerd gives by default (moby `oci/defaults.go`), with the request laid over it. */
export function buildSpec(input: SpecInput): object {
  const { initPath, rootless, places, devices = [] } = input
  const args = initPath ? ['/sbin/docker-init', '--', ...input.args] : input.args
  return {
    ociVersion: '1.0.2',
    // Rootless cannot lower it and inherits the keeper's unless more is asked for.
    process: {
      ...buildProcess({ ...input, args }),
      ...(rootless && !input.oomScoreAdj ? {} : { oomScoreAdj: input.oomScoreAdj ?? 0 }),
    },
    root: { path: input.rootfs, readonly: input.readOnlyRootfs },
    ...(places?.uts === 'host' ? {} : { hostname: input.hostname }),
    ...(input.domainname && rootless ? { domainname: input.domainname } : {}),
    ...(Object.keys(input.annotations ?? {}).length > 0 ? { annotations: input.annotations } : {}),
    mounts: buildMounts(input),
    linux: {
      namespaces: namespacesOf(input),
      ...(input.rootPropagation ? { rootfsPropagation: input.rootPropagation } : {}),
      // The host's own settings are not the container's to change.
      sysctl: {
        ...(input.netnsPath ? networkSysctls(rootless) : {}),
        ...(input.domainname && !rootless ? { 'kernel.domainname': input.domainname } : {}),
        ...input.sysctls,
      },
      // An ordinary user makes no nodes: those of the host are mounted.
      ...(devices.length > 0 && !rootless ? { devices: devices.map(toNode) } : {}),
      ...cgroupOf(input),
      ...hiddenPaths(input),
      ...(input.seccomp ? { seccomp: input.seccomp } : {}),
    },
  }
}

const toNode = ({ permissions: _, source: __, ...node }: Device) => node

function namespacesOf(input: SpecInput): object[] {
  const { netnsPath, places, cgroup } = input
  const at = (type: string, place: string) =>
    place === 'host' ? [] : [place.startsWith('/') ? { type, path: place } : { type }]
  const isOwnCgroup = places?.cgroup ? places.cgroup === 'private' : cgroup === 'v2'
  return [
    { type: 'mount' },
    ...at('uts', places?.uts ?? ''),
    ...at('pid', places?.pid ?? ''),
    ...at('ipc', places?.ipc ?? ''),
    ...(netnsPath ? [{ type: 'network', path: netnsPath }] : []),
    ...(isOwnCgroup && groupRootOf(input) ? [{ type: 'cgroup' }] : []),
  ]
}

function networkSysctls(rootless: boolean): Record<string, string> {
  return {
    'net.ipv4.ip_unprivileged_port_start': '0',
    ...(rootless ? {} : { 'net.ipv4.ping_group_range': '0 2147483647' }),
  }
}

function cgroupOf(input: SpecInput): object {
  const root = groupRootOf(input)
  if (root === '') return {}
  const { devices = [], deviceCgroupRules = [], privileged, resources, blockIo, rootless, containerId } = input
  const parent = (input.cgroupParent || (rootless ? '' : 'slipway')).replace(/^\/+/, '')
  return {
    cgroupsPath: `${root}/${parent}/${containerId}`.replace(/\/+/g, '/'),
    // Rules for devices are programs in the kernel, which only root may load.
    resources: rootless
      ? buildLimits(resources)
      : buildResources({ resources, privileged, devices, deviceCgroupRules, ...(blockIo ? { blockIo } : {}) }),
  }
}

function hiddenPaths({ privileged, rootless, places, cpuCount = 0, ...asked }: SpecInput): object {
  if (privileged) return {}
  const throttles = Array.from({ length: cpuCount }, (_, cpu) => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`)
  // The host's own /proc, as a user namespace binds it, cannot be remounted in part.
  const isHostProc = rootless && places?.pid === 'host'
  return {
    maskedPaths: asked.maskedPaths ?? [...MASKED, ...throttles],
    readonlyPaths: asked.readOnlyPaths ?? (isHostProc ? [] : READ_ONLY),
  }
}
