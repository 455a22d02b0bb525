import { mkdtempSync, readdirSync, symlinkSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** A folder to be the whole `PATH`, with all of this machine's tools but some. The caller removes it. */
export function makeToolFolder(without: readonly string[]): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sltf-'))
  const seen = new Set(without)
  for (const from of ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'])
    for (const name of readdirSync(from)) {
      if (!seen.has(name)) symlinkSync(path.join(from, name), path.join(folder, name))
      seen.add(name)
    }
  return folder
}
