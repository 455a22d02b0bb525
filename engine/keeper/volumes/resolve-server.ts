import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { EngineError } from '../../contract/errors.ts'
import type { VolumeMount } from '../../host/host.ts'

/** Answers with the address of a name. */
export type Resolve = (name: string) => Promise<string>

/**
 * The kernel looks up no names: the server that `addr=` names, or the device of a cifs mount where it does not, is
 * given by its address (moby `volume/local`).
 */
export async function resolveServer<T extends Pick<VolumeMount, 'device' | 'type' | 'options'>>(
  mount: T,
  resolve: Resolve = addressOf,
): Promise<T> {
  if (!/^(nfs4?|cifs)$/.test(mount.type)) return mount
  const named = /(?:^|,)addr=([^,]+)/.exec(mount.options)?.[1]
  if (named !== undefined) {
    if (isIP(named)) return mount
    return { ...mount, options: mount.options.replace(/(^|,)addr=[^,]+/, `$1addr=${await resolve(named)}`) }
  }
  const [, server, share] = /^\/\/([^/:]+)(\/.*)?$/.exec(mount.device) ?? []
  if (mount.type !== 'cifs' || server === undefined || isIP(server)) return mount
  return { ...mount, device: `//${await resolve(server)}${share ?? ''}` }
}

async function addressOf(name: string): Promise<string> {
  try {
    return (await lookup(name)).address
  } catch (cause) {
    throw new EngineError(
      'unavailable',
      'volume.server-unknown',
      `error resolving passed in network volume address: lookup ${name}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`,
      { cause },
    )
  }
}
