import { readdir, readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../contract/errors.ts'
import type { PluginAddress } from './plugin-client.ts'

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/
const MAX_SPEC_BYTES = 64 * 1024

/** Names of the plugins that have a socket or a file in one of the folders. */
export async function listPlugins(folders: readonly string[]): Promise<string[]> {
  const names = new Set<string>()
  for (const folder of folders) {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const name = entry.isDirectory() ? entry.name : entry.name.replace(/\.(sock|spec|json)$/, '')
      const isPlugin = entry.isDirectory()
        ? await isSocket(path.join(folder, name, `${name}.sock`))
        : name !== entry.name
      if (isPlugin && NAME.test(name)) names.add(name)
    }
  }
  return [...names].sort()
}

/**
 * Looks for a plugin where Docker does: `NAME.sock`, `NAME/NAME.sock`, `NAME.spec` and `NAME.json`.
 * @throws EngineError in Docker's words where there is none
 */
export async function findPlugin(folders: readonly string[], name: string): Promise<PluginAddress> {
  if (NAME.test(name)) {
    for (const folder of folders) {
      for (const socketPath of [path.join(folder, `${name}.sock`), path.join(folder, name, `${name}.sock`)])
        if (await isSocket(socketPath)) return { name, socketPath }
    }
    for (const folder of folders) {
      const spec = await readSmall(path.join(folder, `${name}.spec`))
      if (spec !== undefined) return { name, socketPath: socketOf(name, spec.trim()) }
      const json = await readSmall(path.join(folder, `${name}.json`))
      if (json !== undefined) return { name, socketPath: socketOf(name, addressIn(json)) }
    }
  }
  throw new EngineError(
    'notFound',
    'volume.no-driver',
    `error looking up volume plugin ${name}: plugin "${name}" not found`,
    { details: { plugin: name } },
  )
}

/** A plugin elsewhere could not mount anything on this machine; it is reached by a socket alone. */
function socketOf(name: string, address: string): string {
  const socketPath = address.replace(/^unix:\/\//, '')
  if (socketPath !== address && path.isAbsolute(socketPath)) return socketPath
  throw new EngineError(
    'invalidArgument',
    'volume.plugin-address',
    `error looking up volume plugin ${name}: its address ${JSON.stringify(address.slice(0, 200))} is not unix:///PATH`,
  )
}

function addressIn(json: string): string {
  try {
    return String((JSON.parse(json) as { Addr?: unknown } | null)?.Addr ?? '')
  } catch {
    return ''
  }
}

const isSocket = (file: string): Promise<boolean> =>
  stat(file).then(
    (found) => found.isSocket(),
    () => false,
  )

async function readSmall(file: string): Promise<string | undefined> {
  const found = await stat(file).catch(() => undefined)
  if (!found?.isFile() || found.size > MAX_SPEC_BYTES) return undefined
  return readFile(file, 'utf8').catch(() => undefined)
}
