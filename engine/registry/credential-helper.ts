import { z } from 'zod'
import { EngineError } from '../contract/errors.ts'
import type { Credentials } from './credentials.ts'
import { parseSecretJson } from './docker-config.ts'

const Answer = z.object({ Username: z.string(), Secret: z.string() })
const Listing = z.record(z.string(), z.string())

/*
 * Protocol of docker-credential-helpers: `docker-credential-NAME get|store|erase|list`, the server's name or JSON on
 * stdin, JSON on stdout. A helper that knows nothing of a server says so in words and ends with 1.
 */

/** Runs a helper as the desktop's user; its exit code is the caller's to judge. */
export type RunHelper = (argv: readonly string[], input: string) => Promise<{ exitCode: number; stdout: string }>

/** A helper, by the name that docker's configuration gives it. */
export interface Helper {
  readonly name: string
  readonly run: RunHelper
}

/** What a helper knows of a server; `null` for nothing. */
export async function askHelper(helper: Helper, server: string): Promise<Credentials | null> {
  const { exitCode, stdout } = await call(helper, 'get', `${server}\n`)
  if (exitCode !== 0) return null
  const answer = Answer.safeParse(parseSecretJson(stdout, program(helper.name)))
  if (!answer.success) return null
  const { Username: username, Secret: secret } = answer.data
  return username === '<token>' ? { identityToken: secret } : { username, password: secret }
}

/** Gives a helper credentials to keep. */
export async function storeByHelper(helper: Helper, server: string, credentials: Credentials): Promise<void> {
  const [username, secret] =
    'username' in credentials ? [credentials.username, credentials.password] : ['<token>', credentials.identityToken]
  const { exitCode, stdout } = await call(
    helper,
    'store',
    JSON.stringify({ ServerURL: server, Username: username, Secret: secret }),
  )
  if (exitCode === 0) return
  const said = stdout.trim().slice(0, 200)
  throw new EngineError(
    'unavailable',
    'credentials.not-kept',
    `${program(helper.name)} did not keep the login: ${said}`,
  )
}

/** Makes a helper forget a server; one that it does not know is fine. */
export async function eraseByHelper(helper: Helper, server: string): Promise<void> {
  await call(helper, 'erase', `${server}\n`)
}

/** Servers that a helper knows, with the user's name. */
export async function listHelper(helper: Helper): Promise<Readonly<Record<string, string>>> {
  const { exitCode, stdout } = await call(helper, 'list', '')
  const listing = exitCode === 0 ? Listing.safeParse(parseSecretJson(stdout, program(helper.name))) : null
  return listing?.success ? listing.data : {}
}

/** Helpers for the keyrings of a desktop, in the order in which they are tried. */
export const KEYRINGS = ['secretservice', 'pass']

/** The first helper for a keyring that this machine has and that answers; `null` for none. */
export async function findHelper(run: RunHelper): Promise<Helper | null> {
  for (const name of KEYRINGS) {
    const helper = { name, run }
    const works = await call(helper, 'list', '')
      .then(({ exitCode }) => exitCode === 0)
      .catch(() => false)
    if (works) return helper
  }
  return null
}

const program = (name: string) => `docker-credential-${name}`

async function call({ name, run }: Helper, verb: 'get' | 'store' | 'erase' | 'list', input: string) {
  if (!/^[\w.-]+$/.test(name)) {
    throw new EngineError(
      'invalidArgument',
      'credentials.bad-helper',
      `${JSON.stringify(name)} is no credential helper`,
    )
  }
  return run([program(name), verb], input)
}
