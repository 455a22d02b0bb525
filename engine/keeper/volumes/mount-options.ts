import { MS_BIND, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC, MS_SLAVE } from '../libc/mount.ts'

const MS_UNBINDABLE = 1 << 17
const MS_PRIVATE = 1 << 18
const MS_SHARED = 1 << 20
const MS_NODIRATIME = 2048
const MS_NOATIME = 1024
const MS_RELATIME = 1 << 21
const MS_STRICTATIME = 1 << 24

/**
 * Words of mount(8) that are flags of mount(2): what each sets and clears. `remount` is not among them: a volume's
 * folder must never become another mount's.
 */
const FLAGS: ReadonlyMap<string, readonly [set: number, clear: number]> = new Map([
  ['defaults', [0, 0]],
  ['ro', [MS_RDONLY, 0]],
  ['rw', [0, MS_RDONLY]],
  ['nosuid', [MS_NOSUID, 0]],
  ['suid', [0, MS_NOSUID]],
  ['nodev', [MS_NODEV, 0]],
  ['dev', [0, MS_NODEV]],
  ['noexec', [MS_NOEXEC, 0]],
  ['exec', [0, MS_NOEXEC]],
  ['sync', [16, 0]],
  ['async', [0, 16]],
  ['mand', [64, 0]],
  ['nomand', [0, 64]],
  ['dirsync', [128, 0]],
  ['noatime', [MS_NOATIME, 0]],
  ['atime', [0, MS_NOATIME]],
  ['nodiratime', [MS_NODIRATIME, 0]],
  ['diratime', [0, MS_NODIRATIME]],
  ['relatime', [MS_RELATIME, 0]],
  ['norelatime', [0, MS_RELATIME]],
  ['strictatime', [MS_STRICTATIME, 0]],
  ['nostrictatime', [0, MS_STRICTATIME]],
  ['bind', [MS_BIND, 0]],
  ['rbind', [MS_BIND | MS_REC, 0]],
])
const PROPAGATIONS: ReadonlyMap<string, number> = new Map([
  ['private', MS_PRIVATE],
  ['rprivate', MS_PRIVATE | MS_REC],
  ['slave', MS_SLAVE],
  ['rslave', MS_SLAVE | MS_REC],
  ['shared', MS_SHARED],
  ['rshared', MS_SHARED | MS_REC],
  ['unbindable', MS_UNBINDABLE],
  ['runbindable', MS_UNBINDABLE | MS_REC],
])

/** What mount(2) takes for the options of `-o`. */
export interface MountOptions {
  readonly flags: number
  /** Set by calls of their own. */
  readonly propagations: readonly number[]
  /** What is no flag is the file system's own business. */
  readonly data: string
}

/** Reads the options of `-o`; later ones win. */
export function readMountOptions(text: string): MountOptions {
  let flags = 0
  const propagations: number[] = []
  const data: string[] = []
  for (const word of text.split(',')) {
    const flag = FLAGS.get(word)
    const propagation = PROPAGATIONS.get(word)
    if (flag) flags = (flags & ~flag[1]) | flag[0]
    else if (propagation !== undefined) propagations.push(propagation)
    else if (word !== '') data.push(word)
  }
  return { flags, propagations, data: data.join(',') }
}

/** The options as an error may show them: without a password of theirs. */
export const withoutPassword = (options: string): string =>
  options.replace(/(^|,)(pass(?:word)?2?=)[^,]*/g, '$1$2********')
