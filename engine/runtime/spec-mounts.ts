import type { ResolvedMount } from '../store/schema.ts'
import type { Device } from './devices.ts'
import { lockedFlags } from './mount-info.ts'
import type { SpecInput } from './spec.ts'
import { groupRootOf } from './spec-resources.ts'

const SHM_BYTES = 64 * 1024 * 1024

/** All mounts of a container in the order in which they are made: the base, the engine's own files, the request's. */
export function buildMounts(input: SpecInput): object[] {
  const targets = new Set(input.mounts.map(({ target }) => target))
  const isFree = ({ destination }: { readonly destination: string }) =>
    !targets.has(destination) && !(targets.has('/dev') && destination.startsWith('/dev/'))
  const depth = ({ target }: { readonly target: string }) => target.split('/').length
  const asked = [...input.mounts].sort((a, b) => depth(a) - depth(b))
  return [
    ...[...baseMounts(input), ...shmMount(input), ...engineMounts(input)].filter(isFree),
    ...(input.rootless ? (input.devices ?? []).map((device) => deviceMount(device, input)) : []),
    ...asked.map((mount) => userMount(mount, input)),
  ]
}

function baseMounts(input: SpecInput) {
  const { privileged, rootless, netnsPath, places } = input
  const mode = privileged ? 'rw' : 'ro'
  const safe = ['nosuid', 'noexec', 'nodev']
  const bindHost = (folder: string, ...more: string[]) => ({
    destination: folder,
    type: 'bind',
    source: folder,
    options: ['rbind', ...safe, ...more],
  })
  return [
    // A user namespace may mount proc only for a pid namespace of its own.
    rootless && places?.pid === 'host'
      ? bindHost('/proc')
      : { destination: '/proc', type: 'proc', source: 'proc', options: safe },
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
    // Likewise sysfs only for a network namespace of its own.
    rootless && !netnsPath
      ? bindHost('/sys', 'ro')
      : { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...safe, mode] },
    ...(groupRootOf(input) === ''
      ? []
      : [{ destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: [mode, ...safe] }]),
    places?.ipc === 'host'
      ? bindHost('/dev/mqueue')
      : { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: safe },
  ]
}

function shmMount({ places, shmSizeBytes }: SpecInput) {
  const destination = '/dev/shm'
  if (places?.shm === 'none') return []
  if (places?.shm) {
    return [{ destination, type: 'bind', source: places.shm, options: ['rbind', 'nosuid', 'noexec', 'nodev'] }]
  }
  const size = `size=${shmSizeBytes || SHM_BYTES}`
  return [{ destination, type: 'tmpfs', source: 'shm', options: ['nosuid', 'noexec', 'nodev', 'mode=1777', size] }]
}

function engineMounts({ files, initPath, readOnlyRootfs, mountInfo }: SpecInput) {
  const bind = (source: string, destination: string, isReadOnly = readOnlyRootfs) => ({
    destination,
    type: 'bind',
    source,
    options: bindOptions(source, { isReadOnly, isRecursive: true, propagation: 'rprivate', mountInfo }),
  })
  return [
    bind(files.resolvConf, '/etc/resolv.conf'),
    bind(files.hostname, '/etc/hostname'),
    bind(files.hosts, '/etc/hosts'),
    ...(initPath ? [bind(initPath, '/sbin/docker-init', true)] : []),
  ]
}

function userMount(mount: ResolvedMount, { mountInfo }: SpecInput): object {
  const { type, hostPath, target, readOnly, propagation, options, isRecursive } = mount
  const access = readOnly ? ['ro'] : []
  if (type === 'tmpfs')
    return { destination: target, type: 'tmpfs', source: 'tmpfs', options: tmpfsOptions([...access, ...options]) }
  const how = { isReadOnly: readOnly, isRecursive, propagation, mountInfo }
  return { destination: target, type: 'bind', source: hostPath, options: bindOptions(hostPath, how) }
}

function deviceMount({ source, path }: Device, { mountInfo }: SpecInput): object {
  const how = { isReadOnly: false, isRecursive: false, propagation: 'rprivate', mountInfo }
  return { destination: path, type: 'bind', source, options: bindOptions(source, how) }
}

/** Docker's defaults, each unless its opposite is asked for. */
function tmpfsOptions(asked: readonly string[]): string[] {
  const defaults = ['noexec', 'nosuid', 'nodev'].filter((flag) => !asked.includes(flag.slice(2)))
  return [...new Set([...defaults, ...asked])]
}

function bindOptions(
  source: string,
  how: {
    readonly isReadOnly: boolean
    readonly isRecursive: boolean
    readonly propagation: string
    readonly mountInfo: string | undefined
  },
): string[] {
  const locked = how.mountInfo ? lockedFlags(how.mountInfo, source) : []
  const bind = how.isRecursive ? 'rbind' : 'bind'
  return [...new Set([bind, how.propagation, ...(how.isReadOnly ? ['ro'] : []), ...locked])]
}
