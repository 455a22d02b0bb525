import type { CreateContainer } from '../contract/container.ts'
import type { HostInfo } from '../host/host.ts'
import { DEFAULT_PROFILE } from '../lib/apparmor.ts'
import { parseSecurityOptions } from './security.ts'

/** What the choice follows from beside the request. */
export type AppArmorFacts = Pick<HostInfo, 'appArmor' | 'mode'>
type Asked = Pick<CreateContainer, 'privileged' | 'securityOptions'>

/**
 * The AppArmor profile that a container is to have: `unconfined`, a name, or `''` where AppArmor confines no container.
 * Docker's name for the default one means ours. As in Docker, a privileged container has none, whatever is asked.
 */
export function chooseProfile({ privileged, securityOptions }: Asked, { appArmor }: AppArmorFacts): string {
  if (appArmor === 'none') return ''
  const asked = parseSecurityOptions(securityOptions).appArmor
  if (privileged || asked === 'unconfined') return 'unconfined'
  return isDefault(asked) ? DEFAULT_PROFILE : asked
}

/** What to tell of a profile that is asked for where none can be had. */
export function discardedProfile({ securityOptions }: Asked, { appArmor, mode }: AppArmorFacts): string[] {
  const asked = parseSecurityOptions(securityOptions).appArmor
  if (appArmor !== 'none' || asked === 'unconfined' || isDefault(asked)) return []
  const why = mode === 'rootless' ? 'Without root no AppArmor profile is given.' : 'This system has no AppArmor.'
  return [`${why} Profile ${asked} discarded.`]
}

const isDefault = (asked: string): boolean => ['', 'docker-default', DEFAULT_PROFILE].includes(asked)
