/** Name of the profile that containers get unless told otherwise. */
export const DEFAULT_PROFILE = 'slipway-default'

/** Begins with `Y` where the kernel confines programs. */
export const APPARMOR_ENABLED = '/sys/module/apparmor/parameters/enabled'
/** Where profiles are loaded and listed, once securityfs is mounted. */
export const APPARMOR_INTERFACE = '/sys/kernel/security/apparmor'

/** Names of the profiles that a kernel has, from the text of `profiles` there: `name (mode)` a line. */
export function profileNames(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/^(.+) \(\w+\)$/gm)].map(([, name = '']) => name))
}

/** What a process is confined by, from the text of `/proc/PID/attr/current`: `unconfined`, or `name (mode)`. */
export function labelName(text: string): string {
  return text.trim().replace(/ \(\w+\)$/, '')
}
