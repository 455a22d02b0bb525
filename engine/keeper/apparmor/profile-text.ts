import { DEFAULT_PROFILE } from '../../lib/apparmor.ts'

/** Labels of those who look after containers: programs of no profile, and the runtimes where the distribution has one for them. */
const CARETAKERS = ['unconfined', 'runc', 'crun']
/** What can be written between quotation marks and is no pattern. */
const PLAIN_LABEL = /^[\w./+ -]+$/

/** What the text follows from beside its purpose. */
export interface ProfileFacts {
  /** The keeper's own label, which signals come from. */
  readonly ownLabel: string
  /**
   * The parser has the features of AppArmor 3 by name. Pinned to them, a newer one does not deny what this text does not
   * know of (user namespaces, message queues).
   */
  readonly hasAbi: boolean
}

/*
 * Patterns have no "all but", so that is spelled by first letters: of `/sys`, `{[^f],f[^s]}**` is all but what begins
 * with `fs`. A denial stands above every permission (apparmor.d(5)).
 */

/** The text of the default profile: the same purpose as Docker's `docker-default`. It holds for root, whatever its capabilities. */
export function profileText({ ownLabel, hasAbi }: ProfileFacts): string {
  const caretakers = [...new Set([...CARETAKERS, ...(PLAIN_LABEL.test(ownLabel) ? [ownLabel] : [])])]
  return `${hasAbi ? 'abi <abi/3.0>,\n' : ''}profile ${DEFAULT_PROFILE} flags=(attach_disconnected, mediate_deleted) {
  # What a container may is decided by capabilities, namespaces and the filter of system calls, but for what follows.
  capability,
  file,
  network,
  umount,

  # The kernel's ciphers and the hypervisor know no namespaces.
  deny network alg,
  deny network vsock,
  deny mount,

  # In /proc: what is of processes, and the settings of the container's own IPC namespace.
  deny /proc/* w,
  deny /proc/{[^0-9s],s[^y],sy[^s],sys[^/]}*/** w,
  deny /proc/sys/{[^k],k[^e],ke[^r]}** w,
  deny /proc/sys/kernel/{[^ms],m[^s],ms[^g],s[^eh],se[^m],sh[^m]}** w,
  deny /proc/{sysrq-trigger,kcore} rwklmx,

  # In /sys: control groups. What tells of the machine's secrets is not read either.
  deny /sys/{[^f],f[^s]}** wklx,
  deny /sys/fs/{[^c],c[^g],cg[^r]}** wklx,
  deny /sys/{firmware,kernel/security,devices/virtual/powercap}/** rwklx,

  # Who looks after containers may signal them and look into them; they themselves reach each other and nobody else.
${caretakers.map((label) => `  signal (receive) peer="${label}",\n  ptrace (readby, tracedby) peer="${label}",\n`).join('')}
  signal (send, receive) peer=${DEFAULT_PROFILE},
  ptrace (read, trace, readby, tracedby) peer=${DEFAULT_PROFILE},
}
`
}
