/** Name of the profile that containers get unless told otherwise. */
export const DEFAULT_PROFILE = 'slipway-default'

/** Names of the profiles that a kernel has, from the text of `/sys/kernel/security/apparmor/profiles`: `name (mode)` a line. */
export function profileNames(text: string): ReadonlySet<string> {
  return new Set([...text.matchAll(/^(.+) \(\w+\)$/gm)].map(([, name = '']) => name))
}

/** What a process is confined by, from the text of `/proc/PID/attr/current`: `unconfined`, or `name (mode)`. */
export function labelName(text: string): string {
  return text.trim().replace(/ \(\w+\)$/, '')
}
