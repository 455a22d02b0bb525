import { mkdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { z } from 'zod'
import { EngineError } from '../contract/errors.ts'
import { writeFileAtomic } from '../store/atomic-file.ts'

const AuthEntry = z.looseObject({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
})
export type AuthEntry = z.output<typeof AuthEntry>
/** What we read of docker's `config.json`; the rest is kept as it is. */
const DockerConfig = z.looseObject({
  auths: z.record(z.string(), AuthEntry).optional(),
  credsStore: z.string().optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
})
export type DockerConfig = z.output<typeof DockerConfig>

/** Docker's `config.json` of a folder; empty where there is none. */
export async function readDockerConfig(folder: string): Promise<DockerConfig> {
  const file = path.join(folder, 'config.json')
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return null
    // Taken for none, the next login would put a new one in its place, and the others in it would be lost.
    throw new EngineError(
      'forbidden',
      'credentials.unreadable',
      `${file} cannot be read: ${cause.code}; see whose it is`,
      {
        cause,
      },
    )
  })
  if (text === null) return {}
  const config = DockerConfig.safeParse(parseSecretJson(text, folder))
  if (config.success) return config.data
  throw new EngineError(
    'invalidArgument',
    'credentials.unreadable',
    `${folder}/config.json is no configuration of docker`,
  )
}

/** Replaces docker's `config.json`, readable by its owner alone. */
export async function writeDockerConfig(folder: string, config: DockerConfig): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFileAtomic(path.join(folder, 'config.json'), `${JSON.stringify(config, null, '\t')}\n`)
}

/** JSON that may hold secrets: an error does not repeat its text. */
export function parseSecretJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new EngineError('invalidArgument', 'credentials.unreadable', `the credentials from ${where} are not JSON`)
  }
}
