import { EngineError } from '../contract/errors.ts'
import type { RegistryLogin } from '../contract/registry.ts'
import {
  askHelper,
  eraseByHelper,
  findHelper,
  type Helper,
  KEYRINGS,
  listHelper,
  type RunHelper,
  storeByHelper,
} from './credential-helper.ts'
import { type AuthEntry, type DockerConfig, readDockerConfig, writeDockerConfig } from './docker-config.ts'

/** The default registry, as references name it. */
export const HUB = 'docker.io'
/** The name under which `docker login` has always kept the default registry. */
const HUB_KEY = 'https://index.docker.io/v1/'

/** Who we are to a registry. */
export type Credentials = { readonly username: string; readonly password: string } | { readonly identityToken: string }

/** What is known for a registry, and what a helper that was to know it failed with; `''` when none did. */
export interface FoundLogin {
  readonly credentials: Credentials | null
  readonly helperFailure: string
}

/**
 * Logins to registries. They are read from docker's `config.json` and its credential helpers. What is kept by us goes
 * to a helper (the desktop's keyring); where there is none, or none that works, it is remembered until the engine ends.
 */
export interface Logins {
  /** A helper that fails is no error: most of what a registry has is there for anyone. */
  find(host: string): Promise<FoundLogin>
  list(): Promise<RegistryLogin[]>
  /** The answer says what a helper that was to keep it failed with. */
  keep(host: string, credentials: Credentials): Promise<RegistryLogin>
  forget(host: string): Promise<void>
}

/** Where logins are kept: the folder of docker's `config.json`, and a way to run the helpers that it names. */
export interface CredentialSource {
  readonly configFolder: string
  readonly runHelper: RunHelper
  /** Told of a helper that is gone, hangs or answers nonsense. */
  readonly onHelperFailure?: (failure: string) => void
}

/** Logins as docker keeps them. */
export function createLogins({ configFolder: folder, runHelper: run, onHelperFailure }: CredentialSource): Logins {
  const remembered = new Map<string, Credentials>()
  return {
    async find(host) {
      const credentials = remembered.get(host)
      if (credentials) return { credentials, helperFailure: '' }
      const found = await findKept(await readDockerConfig(folder), host, run)
      if (found.helperFailure) onHelperFailure?.(found.helperFailure)
      return found
    },
    async list() {
      const inMemory = [...remembered].map(
        ([host, kept]): RegistryLogin => ({ host, username: nameOf(kept), keptIn: 'memory', helper: '' }),
      )
      const kept = await listKept(await readDockerConfig(folder), run)
      return [...inMemory, ...kept.filter(({ host }) => !remembered.has(host))]
    },
    async keep(host, credentials) {
      const config = await readDockerConfig(folder)
      const named = helperFor(config, host)
      let failure = ''
      const isKeptBy = async (helper: Helper) => {
        try {
          await storeByHelper(helper, keyOf(host), credentials)
          remembered.delete(host)
          return true
        } catch (error) {
          failure ||= describeHelper(helper.name, error)
          onHelperFailure?.(describeHelper(helper.name, error))
          return false
        }
      }
      const kept = (keptIn: 'helper' | 'memory', helper: string): RegistryLogin => ({
        ...{ host, username: nameOf(credentials), keptIn, helper },
        ...(failure ? { helperFailure: failure } : {}),
      })
      if (named && (await isKeptBy({ name: named, run }))) return kept('helper', named)
      const found = await findHelper(run)
      if (!found || found.name === named || !(await isKeptBy(found))) {
        remembered.set(host, credentials)
        return kept('memory', '')
      }
      const credHelpers = { ...config.credHelpers, [keyOf(host)]: found.name }
      await writeDockerConfig(folder, { ...config, credHelpers })
      return kept('helper', found.name)
    },
    async forget(host) {
      remembered.delete(host)
      const config = await readDockerConfig(folder)
      const helper = helperFor(config, host)
      await writeWithout(folder, config, host)
      try {
        if (helper) await eraseByHelper({ name: helper, run }, keyOf(host))
      } catch (error) {
        // A helper that is gone gives nobody a login; one that hangs may still have it.
        if (EngineError.from(error).reason !== 'process.not-started') throw error
        onHelperFailure?.(describeHelper(helper, error))
      }
    },
  }
}

const keyOf = (host: string) => (host === HUB ? HUB_KEY : host)
const nameOf = (credentials: Credentials) => ('username' in credentials ? credentials.username : '')
const helperFor = ({ credHelpers = {}, credsStore }: DockerConfig, host: string): string | undefined =>
  credHelpers[keyOf(host)] ?? credHelpers[host] ?? credsStore

/** `https://index.docker.io/v1/` and the like as the host of a reference. */
export function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
  return ['index.docker.io', 'registry-1.docker.io', ''].includes(host) ? HUB : host
}

async function findKept(config: DockerConfig, host: string, run: RunHelper): Promise<FoundLogin> {
  const helper = helperFor(config, host)
  let helperFailure = ''
  try {
    const credentials = helper ? await askHelper({ name: helper, run }, keyOf(host)) : null
    if (credentials) return { credentials, helperFailure }
  } catch (error) {
    helperFailure = describeHelper(helper, error)
  }
  const entry = Object.entries(config.auths ?? {}).find(([key]) => hostOf(key) === host)
  return { credentials: entry ? readEntry(entry[1]) : null, helperFailure }
}

const describeHelper = (helper: string | undefined, error: unknown) =>
  `the credential helper "${helper}" of docker's config.json failed (install it, or take it out of that file): ${EngineError.from(error).message}`

/** Takes a registry out of docker's `config.json`, and with it the keyring that a login of ours has put down for it. */
async function writeWithout(folder: string, config: DockerConfig, host: string): Promise<void> {
  const { auths = {}, credHelpers = {} } = config
  const keptAuths = Object.entries(auths).filter(([key]) => hostOf(key) !== host)
  const isOurs = config.credsStore === undefined && KEYRINGS.includes(credHelpers[keyOf(host)] ?? '')
  const keptHelpers = Object.entries(credHelpers).filter(([key]) => !isOurs || key !== keyOf(host))
  if (keptAuths.length === Object.keys(auths).length && !isOurs) return
  await writeDockerConfig(folder, {
    ...config,
    ...(config.auths ? { auths: Object.fromEntries(keptAuths) } : {}),
    ...(config.credHelpers ? { credHelpers: Object.fromEntries(keptHelpers) } : {}),
  })
}

async function listKept(config: DockerConfig, run: RunHelper): Promise<RegistryLogin[]> {
  const helpers = [...new Set([config.credsStore, ...Object.values(config.credHelpers ?? {})])].filter(
    (name) => name !== undefined,
  )
  const found = new Map<string, RegistryLogin>()
  for (const [key, entry] of Object.entries(config.auths ?? {})) {
    const kept = readEntry(entry)
    // An entry without a secret only says that a helper has it.
    if (kept) found.set(hostOf(key), { host: hostOf(key), username: nameOf(kept), keptIn: 'file', helper: '' })
  }
  for (const helper of helpers) {
    for (const [key, username] of Object.entries(await listHelper({ name: helper, run }).catch(() => ({})))) {
      found.set(hostOf(key), { host: hostOf(key), username, keptIn: 'helper', helper })
    }
  }
  return [...found.values()]
}

function readEntry(entry: AuthEntry): Credentials | null {
  if (entry.identitytoken) return { identityToken: entry.identitytoken }
  const plain = entry.auth
    ? Buffer.from(entry.auth, 'base64').toString()
    : `${entry.username ?? ''}:${entry.password ?? ''}`
  const colon = plain.indexOf(':')
  return colon > 0 ? { username: plain.slice(0, colon), password: plain.slice(colon + 1) } : null
}
