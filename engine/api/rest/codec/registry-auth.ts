import type { RegistryAuth } from '../../../contract/image.ts'

/** `X-Registry-Auth`: base64url (some clients: base64) of JSON. Anything that is none means "no login", as with Docker. */
export function readRegistryAuth(header: string | string[] | undefined): RegistryAuth | undefined {
  const text = Buffer.from(String(header ?? ''), 'base64').toString()
  try {
    return toRegistryAuth(JSON.parse(text) as Record<string, unknown>)
  } catch {
    return undefined
  }
}

/** Docker's `AuthConfig` in our words. */
export function toRegistryAuth(config: Record<string, unknown>): RegistryAuth | undefined {
  const text = (key: string) => (typeof config[key] === 'string' ? config[key] : '')
  if (text('identitytoken')) return { identityToken: text('identitytoken') }
  if (text('username')) return { username: text('username'), password: text('password') }
  return undefined
}
