import { EngineError } from '../contract/errors.ts'

const DEFAULT =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
const OTHERS =
  'AUDIT_CONTROL AUDIT_READ BLOCK_SUSPEND BPF CHECKPOINT_RESTORE DAC_READ_SEARCH IPC_LOCK IPC_OWNER LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE NET_ADMIN NET_BROADCAST PERFMON SYSLOG SYS_ADMIN SYS_BOOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM'
const toNames = (text: string) => text.split(' ').map((name) => `CAP_${name}`)

/** What Docker leaves a container by default. */
export const DEFAULT_CAPABILITIES: readonly string[] = toNames(DEFAULT)
export const ALL_CAPABILITIES: readonly string[] = [...DEFAULT_CAPABILITIES, ...toNames(OTHERS)]

/** The defaults with some added and some dropped; names with or without `CAP_`, or `ALL`. */
export function resolveCapabilities(options: {
  readonly add: readonly string[]
  readonly drop: readonly string[]
  readonly privileged: boolean
}): string[] {
  if (options.privileged) return [...ALL_CAPABILITIES]
  const add = expand(options.add)
  const drop = new Set(expand(options.drop))
  const base = options.drop.some((name) => name.toUpperCase() === 'ALL')
    ? []
    : DEFAULT_CAPABILITIES.filter((name) => !drop.has(name))
  const added = options.drop.some((name) => name.toUpperCase() === 'ALL') ? add : add.filter((name) => !drop.has(name))
  return [...new Set([...base, ...added])]
}

function expand(names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const upper = name.toUpperCase()
    if (upper === 'ALL') return [...ALL_CAPABILITIES]
    const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
    if (!ALL_CAPABILITIES.includes(full))
      throw new EngineError('invalidArgument', 'capability.unknown', `invalid capability: ${JSON.stringify(name)}`)
    return [full]
  })
}
