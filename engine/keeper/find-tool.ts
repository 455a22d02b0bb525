import { accessSync, constants } from 'node:fs'
import path from 'node:path'

/** Where tools lie beside `PATH`, which is short for services. */
const PLACES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

/** Full path of a program, by its name or as it is given; `''` when there is none. */
export function findTool(name: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(':').filter(Boolean), ...PLACES]
  const files = path.isAbsolute(name) ? [name] : folders.map((folder) => path.join(folder, name))
  return files.find(isProgram) ?? ''
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
