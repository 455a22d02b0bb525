import { existsSync, readFileSync } from 'node:fs'
import { EngineError } from '../../contract/errors.ts'
import type { Host, HostInfo } from '../../host/host.ts'
import { APPARMOR_ENABLED, APPARMOR_INTERFACE, DEFAULT_PROFILE, labelName, profileNames } from '../../lib/apparmor.ts'
import { run } from '../exec.ts'
import { findTool } from '../find-tool.ts'
import { profileText } from './profile-text.ts'

const PARSER = 'apparmor_parser'
const ABI = '/etc/apparmor.d/abi/3.0'

/** How it stands with the default profile, and what to tell of it: `''`, or why there is none and what to do. */
export interface ProfileState {
  readonly appArmor: HostInfo['appArmor']
  readonly warning: string
}

/** AppArmor as the keeper has it. */
export interface Confinement {
  /** Loads the default profile where it is not loaded; that it cannot be is no error. */
  settle(): Promise<ProfileState>
  readonly ensureProfile: Host['ensureProfile']
}

/*
 * Profiles lie in the kernel. Ours is loaded when the keeper starts, so that its text is the one of this version, and
 * again when it is wanted and somebody has taken it away, as aa-remove-unknown and aa-teardown do.
 */

/** Keeps the default profile loaded. Without root nothing can be loaded, and nobody is confined by us. */
export function createConfinement({ rootless }: { readonly rootless: boolean }): Confinement {
  let isOfThisVersion = false
  let settling: Promise<ProfileState> | undefined
  const load = async (): Promise<ProfileState> => {
    if (isOfThisVersion && isLoaded(DEFAULT_PROFILE)) return { appArmor: 'loaded', warning: '' }
    const parser = findTool(PARSER)
    if (!parser) return without(`${PARSER} is not installed; install the package apparmor`)
    const ownLabel = labelName(read('/proc/self/attr/current'))
    const input = profileText({ ownLabel, hasAbi: existsSync(ABI) })
    try {
      await run([parser, '--replace', '--skip-cache'], { input })
      isOfThisVersion = true
      return { appArmor: 'loaded', warning: '' }
    } catch (error) {
      return without(`${EngineError.from(error).message}; see dmesg for what the kernel says of it`)
    }
  }
  const look = async (): Promise<ProfileState> => {
    if (rootless || !read(APPARMOR_ENABLED).startsWith('Y')) return { appArmor: 'none', warning: '' }
    if (existsSync(APPARMOR_INTERFACE)) return load()
    const mount = 'run: mount -t securityfs securityfs /sys/kernel/security, then start the engine again'
    return { ...without(`securityfs is not mounted; ${mount}`), appArmor: 'none' }
  }
  const settle = () => (settling ??= look().finally(() => (settling = undefined)))
  return {
    settle,
    async ensureProfile({ name }) {
      if (name === DEFAULT_PROFILE) return (await settle()).appArmor === 'loaded' ? name : ''
      if (isLoaded(name)) return name
      throw new EngineError(
        'invalidArgument',
        'apparmor.unknown-profile',
        `no such AppArmor profile: ${JSON.stringify(name)}; load it first: sudo apparmor_parser --replace FILE`,
      )
    },
  }
}

const without = (why: string): ProfileState => ({
  appArmor: 'missing',
  warning: `containers run without the AppArmor profile ${DEFAULT_PROFILE}: ${why}`,
})

const isLoaded = (name: string): boolean => profileNames(read(`${APPARMOR_INTERFACE}/profiles`)).has(name)

/** A file of the kernel's; one that is not there, or not for us, is empty. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
