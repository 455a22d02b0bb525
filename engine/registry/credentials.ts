import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { EngineError } from '../contract/errors.ts'

const HUB = 'docker.io'
/** The name under which `docker login` has always kept the default registry. */
const HUB_KEY = 'https://index.docker.io/v1/'

/** Who we are to a registry. */
export type Credentials = { readonly username: string; readonly password: string } | { readonly identityToken: string }

const AuthEntry = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
})
const ConfigFile = z.object({
  auths: z.record(z.string(), AuthEntry).optional(),
  credsStore: z.string().optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
})
const HelperAnswer = z.object({ Username: z.string(), Secret: z.string() })

/** Where credentials are kept: the folder of docker's `config.json`, and a way to run the helpers that it names. */
export interface CredentialSource {
  readonly configFolder: string
  readonly runHelper: (argv: readonly string[], input: string) => Promise<{ exitCode: number; stdout: string }>
}

/** Credentials for a registry from docker's `config.json` and its credential helpers; `null` when there are none. */
export async function findCredentials(host: string, source: CredentialSource): Promise<Credentials | null> {
  const { configFolder } = source
  const text = await readFile(path.join(configFolder, 'config.json'), 'utf8').catch(() => null)
  if (text === null) return null
  const config = ConfigFile.safeParse(parseJson(text, configFolder))
  if (!config.success) return null
  const { auths = {}, credHelpers = {}, credsStore } = config.data
  const key = host === HUB ? HUB_KEY : host
  const helper = credHelpers[key] ?? credHelpers[host] ?? credsStore
  const kept = helper ? await askHelper(source, helper, key) : null
  if (kept) return kept
  const name = Object.keys(auths).find((candidate) => candidate === key || hostOf(candidate) === host)
  return name === undefined ? null : readEntry(auths[name] ?? {})
}

function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
  return host === 'index.docker.io' ? HUB : host
}

function readEntry(entry: z.output<typeof AuthEntry>): Credentials | null {
  if (entry.identitytoken) return { identityToken: entry.identitytoken }
  const plain = entry.auth
    ? Buffer.from(entry.auth, 'base64').toString()
    : `${entry.username ?? ''}:${entry.password ?? ''}`
  const colon = plain.indexOf(':')
  return colon > 0 ? { username: plain.slice(0, colon), password: plain.slice(colon + 1) } : null
}

/** Protocol of docker-credential-helpers: the server's name on stdin, JSON on stdout. */
async function askHelper({ runHelper }: CredentialSource, name: string, key: string): Promise<Credentials | null> {
  if (!/^[\w.-]+$/.test(name)) {
    throw new EngineError(
      'invalidArgument',
      'credentials.bad-helper',
      `${JSON.stringify(name)} is no credential helper`,
    )
  }
  const program = `docker-credential-${name}`
  const { exitCode, stdout } = await runHelper([program, 'get'], `${key}\n`)
  // A helper that knows nothing says so in words and ends with 1.
  if (exitCode !== 0) return null
  const answer = HelperAnswer.safeParse(parseJson(stdout, program))
  if (!answer.success) return null
  const { Username: username, Secret: secret } = answer.data
  return username === '<token>' ? { identityToken: secret } : { username, password: secret }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The text may hold secrets, so the error does not repeat it.
    throw new EngineError('invalidArgument', 'credentials.unreadable', `the credentials from ${where} are not JSON`)
  }
}
