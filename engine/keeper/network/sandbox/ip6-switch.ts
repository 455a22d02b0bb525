import { writeFileSync } from 'node:fs'

/**
 * Sets a switch of an interface in the namespace that the thread is in. Where the kernel has no IPv6, or none for an
 * interface whose MTU is too small for it, there is nothing to switch.
 */
export function setIp6Switch(interfaceName: string, name: 'accept_ra' | 'disable_ipv6', value: 0 | 1): void {
  try {
    writeFileSync(`/proc/sys/net/ipv6/conf/${interfaceName}/${name}`, String(value))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
