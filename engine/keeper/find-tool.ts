import { existsSync } from 'node:fs'
import path from 'node:path'

/** Full path of a tool, or its bare name when there is none: services start with a short PATH. */
export function findTool(name: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/bin', '/sbin', '/bin']
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file)) ?? name
}
