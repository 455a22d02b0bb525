import { EngineError } from '../contract/errors.ts'

const DEFAULT =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
/** By the kernel's number, from 0. */
const NUMBERED =
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
const toNames = (text: string) => text.split(' ').map((name) => `CAP_${name}`)

/** What Docker leaves a container by default. */
export const DEFAULT_CAPABILITIES: readonly string[] = toNames(DEFAULT)
const BY_NUMBER = toNames(NUMBERED)
/** All that this engine knows. */
export const ALL_CAPABILITIES: readonly string[] = BY_NUMBER

/**
 * The defaults with some added and some dropped, by dockerd's rules; names with or without `CAP_`, or `ALL`.
 * What is both added and dropped by name is added. `available` (all by default) bounds what `ALL` and privileged give.
 */
export function resolveCapabilities(options: {
  readonly add: readonly string[]
  readonly drop: readonly string[]
  readonly privileged: boolean
  readonly available?: readonly string[]
}): string[] {
  const { privileged, available = ALL_CAPABILITIES } = options
  const all = ALL_CAPABILITIES.filter((name) => available.includes(name))
  if (privileged) return all
  const add = normalize(options.add)
  const drop = normalize(options.drop)
  if (add.includes('ALL')) return all.filter((name) => !drop.includes(name))
  const base = drop.includes('ALL') ? [] : DEFAULT_CAPABILITIES.filter((name) => !drop.includes(name))
  return [...new Set([...base, ...add])]
}

/** The capabilities of a mask line (`CapBnd:\t000001ff…`) of `/proc/PID/status`; all known when it is not there. */
export function parseCapabilityMask(status: string, field = 'CapBnd'): readonly string[] {
  const digits = new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1]
  if (!digits) return ALL_CAPABILITIES
  const mask = BigInt(`0x${digits}`)
  return BY_NUMBER.filter((_, number) => (mask >> BigInt(number)) & 1n)
}

function normalize(names: readonly string[]): string[] {
  return names.map((name) => {
    const upper = name.toUpperCase()
    if (upper === 'ALL') return upper
    const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
    if (ALL_CAPABILITIES.includes(full)) return full
    throw new EngineError('invalidArgument', 'capability.unknown', `invalid capability: ${JSON.stringify(name)}`)
  })
}
