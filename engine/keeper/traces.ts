import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'

const ID = /^[0-9a-f]{64}/

/** Ids of containers that anything in the keeper's folder is named after: see `containers/shim/records.ts` and `network/network-host.ts`. */
export function listTraces(stateFolder: string): string[] {
  const names = ['containers', 'exits', 'runc', 'crun', 'netns', 'endpoints', 'ports'].flatMap((name) => {
    const folder = path.join(stateFolder, name)
    return existsSync(folder) ? readdirSync(folder) : []
  })
  return [...new Set(names.flatMap((name) => ID.exec(name) ?? []))]
}
