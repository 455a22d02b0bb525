import { lstat, readdir, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import type { DeviceSpec } from '../contract/container-settings.ts'
import { EngineError } from '../contract/errors.ts'

/** A device node as the OCI spec has it, and what its cgroup allows. */
export interface Device {
  /** On the host. */
  readonly source: string
  readonly path: string
  readonly type: 'c' | 'b'
  readonly major: number
  readonly minor: number
  readonly fileMode: number
  readonly uid: number
  readonly gid: number
  readonly permissions: string
}

/** What the container makes itself, or has of its own. */
const OWN = new Set(['pts', 'shm', 'fd', 'mqueue', 'console', '.lxc', '.lxd-mounts', '.udev'])
/** What every container is given by its runtime. */
const BY_RUNTIME = new Set(['null', 'zero', 'full', 'random', 'urandom', 'tty', 'ptmx'].map((name) => `/dev/${name}`))

/** The nodes that device requests name; a folder stands for every device below it. A source that is none is `device.not-found`. */
export async function findDevices(specs: readonly DeviceSpec[]): Promise<Device[]> {
  const found: Device[] = []
  for (const { hostPath, containerPath, permissions } of specs) {
    const missing = (why: string) =>
      new EngineError(
        'invalidArgument',
        'device.not-found',
        `error gathering device information while adding custom device "${hostPath}": ${why}`,
      )
    const source = await realpath(hostPath).catch(() => {
      throw missing('no such file or directory')
    })
    const stats = await stat(source)
    if (stats.isDirectory()) {
      for (const node of await walk(source)) {
        const device = await readDevice(node, path.join(containerPath, path.relative(source, node)), permissions)
        if (device) found.push(device)
      }
      continue
    }
    const device = await readDevice(source, containerPath, permissions)
    if (!device) throw missing('not a device node')
    found.push(device)
  }
  return found
}

/** Every device of the host, for privileged containers. */
export async function findHostDevices(): Promise<Device[]> {
  const nodes = (await walk('/dev')).filter((node) => !BY_RUNTIME.has(node))
  const devices = await Promise.all(nodes.map((node) => readDevice(node, node, 'rwm').catch(() => null)))
  return devices.filter((device) => device !== null)
}

async function walk(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const nested = await Promise.all(
    entries
      .filter(({ name }) => !OWN.has(name))
      .map((entry) => {
        const at = path.join(folder, entry.name)
        if (entry.isDirectory()) return walk(at)
        return entry.isCharacterDevice() || entry.isBlockDevice() ? [at] : []
      }),
  )
  return nested.flat()
}

async function readDevice(source: string, target: string, permissions: string): Promise<Device | null> {
  const stats = await lstat(source)
  if (!stats.isCharacterDevice() && !stats.isBlockDevice()) return null
  return {
    source,
    path: target,
    type: stats.isBlockDevice() ? 'b' : 'c',
    ...splitDevice(stats.rdev),
    fileMode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    permissions,
  }
}

/** Major and minor of a device number as the C library packs it (makedev(3)). */
export function splitDevice(number: number): { readonly major: number; readonly minor: number } {
  const bits = BigInt(number)
  return {
    major: Number(((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xfffff000n)),
    minor: Number((bits & 0xffn) | ((bits >> 12n) & 0xffffff00n)),
  }
}

/** `c 10:200 rwm` as the OCI spec has it; `*` is any. A text that is none is `device.invalid-rule`. */
export function parseDeviceRule(text: string): object {
  const found = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text)
  if (!found)
    throw new EngineError('invalidArgument', 'device.invalid-rule', `invalid device cgroup rule format: '${text}'`)
  const [, type = '', major = '', minor = '', access = ''] = found
  const numbered = (name: string, value: string) => (value === '*' ? {} : { [name]: Number(value) })
  return { allow: true, type, ...numbered('major', major), ...numbered('minor', minor), access }
}
