import type { CreateContainerInput } from '../../../contract/container.ts'
import { EngineError } from '../../../contract/errors.ts'
import { type Json, list, number, object, objects, text, texts } from './json.ts'

const NANO = 1e9
/** What this engine does not do is refused by name: nothing that was asked for is dropped silently. */
const REFUSED: readonly (readonly [key: string, flag: string])[] = [
  ['DeviceRequests', '--gpus'],
  ['StorageOpt', '--storage-opt'],
  ['BlkioWeightDevice', '--blkio-weight-device'],
  ['CpuRealtimePeriod', '--cpu-rt-period'],
  ['CpuRealtimeRuntime', '--cpu-rt-runtime'],
  ['KernelMemory', '--kernel-memory'],
]
const DEFAULTS: Readonly<Record<string, readonly string[]>> = {
  Runtime: ['', 'runc', 'io.containerd.runc.v2'],
  Isolation: ['', 'default'],
}

function isAsked(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0
  return typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : Boolean(value)
}

/** Refuses the parts of a `HostConfig` that this engine has not. */
export function assertSupported(host: Json): void {
  for (const [key, flag] of REFUSED) {
    if (isAsked(host[key]) && !DEFAULTS[key]?.includes(text(host[key])))
      throw new EngineError('notImplemented', 'create.not-supported', `${flag} is not implemented here`)
  }
  const runtime = text(host['Runtime'])
  if (!DEFAULTS['Runtime']?.includes(runtime))
    throw new EngineError('invalidArgument', 'create.runtime', `unknown or invalid runtime name: ${runtime}`)
  const isolation = text(host['Isolation'])
  if (!DEFAULTS['Isolation']?.includes(isolation))
    throw new EngineError('invalidArgument', 'create.isolation', `invalid isolation '${isolation}' on linux`)
}

/** What a `HostConfig` (or an update) limits. */
export function readResources(host: Json): NonNullable<CreateContainerInput['resources']> {
  return {
    memoryBytes: number(host['Memory']),
    cpus: number(host['NanoCpus']) / NANO,
    pids: Math.max(0, number(host['PidsLimit'])),
    memorySwapBytes: number(host['MemorySwap']),
    memoryReservationBytes: number(host['MemoryReservation']),
    cpuShares: number(host['CpuShares']),
    cpuPeriod: number(host['CpuPeriod']),
    cpuQuota: number(host['CpuQuota']),
    cpusetCpus: text(host['CpusetCpus']),
    cpusetMems: text(host['CpusetMems']),
    isOomKillDisabled: host['OomKillDisable'] === true,
    memorySwappiness: typeof host['MemorySwappiness'] === 'number' ? host['MemorySwappiness'] : -1,
  }
}

/** The settings of a `HostConfig` beyond limits, mounts and networks. */
export function readSettings(host: Json): Partial<CreateContainerInput> {
  return {
    devices: objects(host['Devices']).map((device) => ({
      hostPath: text(device['PathOnHost']),
      containerPath: text(device['PathInContainer']) || text(device['PathOnHost']),
      permissions: text(device['CgroupPermissions']) || 'rwm',
    })),
    deviceCgroupRules: list(host['DeviceCgroupRules']),
    sysctls: texts(host['Sysctls']),
    ulimits: objects(host['Ulimits']).map((one) => ({
      name: text(one['Name']),
      soft: number(one['Soft']),
      hard: number(one['Hard']),
    })),
    securityOptions: list(host['SecurityOpt']),
    maskedPaths: Array.isArray(host['MaskedPaths']) ? list(host['MaskedPaths']) : null,
    readOnlyPaths: Array.isArray(host['ReadonlyPaths']) ? list(host['ReadonlyPaths']) : null,
    volumesFrom: list(host['VolumesFrom']),
    shmSizeBytes: number(host['ShmSize']),
    log: readLog(object(host['LogConfig'])),
    groupAdd: list(host['GroupAdd']),
    oomScoreAdj: number(host['OomScoreAdj']),
    namespaces: {
      pid: text(host['PidMode']),
      ipc: text(host['IpcMode']),
      uts: text(host['UTSMode']),
      user: text(host['UsernsMode']),
      cgroup: text(host['CgroupnsMode']),
    },
    cgroupParent: readCgroupParent(text(host['CgroupParent'])),
    blockIo: readBlockIo(host),
    annotations: texts(host['Annotations']),
  }
}

function readLog(log: Json): NonNullable<CreateContainerInput['log']> {
  const driver = text(log['Type']) || 'json-file'
  if (driver !== 'json-file' && driver !== 'local' && driver !== 'none')
    throw new EngineError(
      'invalidArgument',
      'log.no-driver',
      `logger: no log driver named '${driver}' is registered; here are json-file, local and none`,
    )
  return { driver, options: texts(log['Config']) }
}

function readCgroupParent(parent: string): string {
  if (!parent.split('/').includes('..')) return parent
  throw new EngineError('invalidArgument', 'create.cgroup-parent', `invalid cgroup-parent: ${JSON.stringify(parent)}`)
}

/** Weights and rates of disks; a weight out of range is refused. */
export function readBlockIo(host: Json): NonNullable<CreateContainerInput['blockIo']> {
  const weight = number(host['BlkioWeight'])
  if (weight !== 0 && (weight < 10 || weight > 1000))
    throw new EngineError('invalidArgument', 'limits.invalid', 'Range of blkio weight is from 10 to 1000')
  const rates = (key: string) =>
    objects(host[key]).map((one) => ({ path: text(one['Path']), rate: number(one['Rate']) }))
  return {
    weight,
    readBytes: rates('BlkioDeviceReadBps'),
    writeBytes: rates('BlkioDeviceWriteBps'),
    readOperations: rates('BlkioDeviceReadIOps'),
    writeOperations: rates('BlkioDeviceWriteIOps'),
  }
}
