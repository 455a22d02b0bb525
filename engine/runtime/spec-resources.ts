import type { ResourceLimits } from '../contract/container.ts'
import type { BlockIo } from '../contract/container-settings.ts'
import { type Device, parseDeviceRule } from './devices.ts'

/** A block device's throttle, its number found out. */
export interface BlockRate {
  readonly major: number
  readonly minor: number
  readonly rate: number
}
/** `BlockIo` with the numbers of its devices. */
export type BlockIoNumbers = Omit<BlockIo, 'readBytes' | 'writeBytes' | 'readOperations' | 'writeOperations'> & {
  readonly readBytes: readonly BlockRate[]
  readonly writeBytes: readonly BlockRate[]
  readonly readOperations: readonly BlockRate[]
  readonly writeOperations: readonly BlockRate[]
}
export interface ResourceInput {
  readonly resources: ResourceLimits
  readonly privileged: boolean
  readonly devices: readonly Device[]
  readonly deviceCgroupRules: readonly string[]
  readonly blockIo?: BlockIoNumbers
}

interface GroupInput {
  readonly cgroupRoot: string
  readonly cgroup: 'v1' | 'hybrid' | 'v2' | 'none'
}

const PERIOD = 100_000

/** The group that a container's own is made below, `''` when it has none. */
export function groupRootOf({ cgroupRoot, cgroup }: GroupInput): string {
  return cgroup === 'none' ? '' : cgroupRoot
}

/** `linux.resources` of a container; a request's devices come after Docker's own. */
export function buildResources(input: ResourceInput): object {
  return { devices: deviceRules(input), ...buildLimits(input.resources), ...blockIoOf(input.blockIo) }
}

/** The limits alone, as `runc update` takes them too. */
export function buildLimits(limits: ResourceLimits): object {
  const { memoryBytes, memorySwapBytes, memoryReservationBytes, isOomKillDisabled, memorySwappiness, pids } = limits
  const memory = {
    ...(memoryBytes > 0 ? { limit: memoryBytes, swap: memorySwapBytes || memoryBytes * 2 } : {}),
    ...(memoryReservationBytes > 0 ? { reservation: memoryReservationBytes } : {}),
    ...(isOomKillDisabled ? { disableOOMKiller: true } : {}),
    ...(memorySwappiness >= 0 ? { swappiness: memorySwappiness } : {}),
  }
  const cpu = cpuOf(limits)
  return {
    ...(Object.keys(memory).length > 0 ? { memory } : {}),
    ...(Object.keys(cpu).length > 0 ? { cpu } : {}),
    ...(pids > 0 ? { pids: { limit: pids } } : {}),
  }
}

function cpuOf({ cpus, cpuShares, cpuPeriod, cpuQuota, cpusetCpus, cpusetMems }: ResourceLimits) {
  return {
    ...(cpus > 0 ? { quota: Math.round(cpus * PERIOD), period: PERIOD } : {}),
    ...(cpuQuota !== 0 ? { quota: cpuQuota } : {}),
    ...(cpuPeriod > 0 ? { period: cpuPeriod } : {}),
    ...(cpuShares > 0 ? { shares: cpuShares } : {}),
    ...(cpusetCpus ? { cpus: cpusetCpus } : {}),
    ...(cpusetMems ? { mems: cpusetMems } : {}),
  }
}

function deviceRules({ privileged, devices, deviceCgroupRules }: ResourceInput): object[] {
  if (privileged) return [{ allow: true, access: 'rwm' }]
  const allow = (major: number, minor: number) => ({ allow: true, type: 'c', major, minor, access: 'rwm' })
  return [
    { allow: false, access: 'rwm' },
    ...[5, 3, 9, 8].map((minor) => allow(1, minor)),
    allow(5, 0),
    allow(5, 1),
    { ...allow(10, 229), allow: false },
    ...devices.map(({ type, major, minor, permissions }) => ({ allow: true, type, major, minor, access: permissions })),
    ...deviceCgroupRules.map(parseDeviceRule),
  ]
}

/** The share of the disk alone: rates of devices stay as they were given. */
export const blockIoWeight = ({ weight }: Pick<BlockIoNumbers, 'weight'>): object =>
  weight > 0 ? { blockIO: { weight } } : {}

function blockIoOf(io: BlockIoNumbers | undefined): object {
  if (!io) return {}
  const rates = { Read: [io.readBytes, io.readOperations], Write: [io.writeBytes, io.writeOperations] } as const
  const throttles = Object.entries(rates).flatMap(([way, [bytes, operations]]) => [
    ...(bytes.length ? [[`throttle${way}BpsDevice`, bytes]] : []),
    ...(operations.length ? [[`throttle${way}IOPSDevice`, operations]] : []),
  ])
  const blockIO = { ...(io.weight ? { weight: io.weight } : {}), ...Object.fromEntries(throttles) }
  return Object.keys(blockIO).length > 0 ? { blockIO } : {}
}
