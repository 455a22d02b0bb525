import { EngineError } from '../../contract/errors.ts'
import type { RegistryLogin, RegistrySettings } from '../../contract/registry.ts'
import { assertHost, readMirror } from '../../contract/registry-address.ts'
import { hostOf } from '../../registry/credentials.ts'
import type { ServiceContext } from '../context.ts'

/** Registries that we are logged in to. */
export function listLogins({ registry }: ServiceContext): Promise<RegistryLogin[]> {
  return registry.logins.list()
}

/** Asks the registry, then keeps the login. */
export async function logIn(
  { registry }: ServiceContext,
  input: { readonly host: string; readonly username: string; readonly password: string },
  signal: AbortSignal,
): Promise<RegistryLogin> {
  const host = hostOf(input.host)
  const credentials = { username: input.username, password: input.password }
  await registry.checkLogin(host, credentials, signal)
  return registry.logins.keep(host, credentials)
}

/** Forgets a login wherever it is kept. */
export function logOut({ registry }: ServiceContext, host: string): Promise<void> {
  return registry.logins.forget(hostOf(host))
}

/** Asks a registry with what we have for it; answers as whom. */
export async function testLogin(
  { registry }: ServiceContext,
  named: string,
  signal: AbortSignal,
): Promise<{ username: string }> {
  const host = hostOf(named)
  await registry.checkLogin(host, undefined, signal)
  const { credentials } = await registry.logins.find(host)
  return { username: credentials && 'username' in credentials ? credentials.username : '' }
}

/** How registries are reached, as it is set. */
export function readRegistrySettings({ registry }: ServiceContext): Promise<RegistrySettings> {
  return registry.settings.read()
}

/** Sets mirrors and insecure registries; they hold from the next pull or push on. One that is no address is refused by name. */
export async function writeRegistrySettings({ registry }: ServiceContext, settings: RegistrySettings): Promise<void> {
  const mirrors = settings.mirrors.map(({ host, url }) => ({ host: assertHost(host), url: assertMirror(url) }))
  await registry.settings.write({ mirrors, insecure: settings.insecure.map(assertHost) })
}

function assertMirror(typed: string): string {
  const url = readMirror(typed)
  if (url) return url
  throw new EngineError(
    'invalidArgument',
    'mirror.invalid',
    `${JSON.stringify(typed)} is no address of a mirror; name its root: https://mirror.example or http://host:5000`,
    { details: { typed } },
  )
}
