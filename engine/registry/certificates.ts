import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'

/** Where docker looks for authorities of a registry: `certs.d/HOST[:PORT]/*.crt`. */
const SYSTEM_FOLDER = '/etc/docker'

/** Authorities that a person has put down for a registry, as PEM. */
export async function readAuthorities(host: string, configFolder: string): Promise<string[]> {
  const folders = [SYSTEM_FOLDER, configFolder].map((folder) => path.join(folder, 'certs.d', host))
  const found = await Promise.all(folders.map(readFolder))
  return found.flat()
}

async function readFolder(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return Promise.all(
    names
      .filter((name) => name.endsWith('.crt'))
      .sort()
      .map((name) => readFile(path.join(folder, name), 'utf8')),
  )
}
