import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

/** The folders of an engine that has ended. */
export interface EndedEngine {
  /** Everything of the test lies below it. */
  readonly base: string
  readonly root: string
  readonly runtimeDir: string
}

const isRoot = process.getuid?.() === 0

/**
 * What an engine still has on this machine: mounts, processes, bridges, veths, nft tables, iptables chains and control
 * groups. Empty when all is gone. `ids` are those of its containers and networks.
 */
export function leftoversOf({ base, root, runtimeDir }: EndedEngine, ids: readonly string[] = []): string[] {
  const tags = [hashOf(root), hashOf(path.join(runtimeDir, 'keeper')), ...ids.map((id) => id.slice(0, 8))]
  const isOurs = (name: string) => tags.some((tag) => name.includes(tag))
  return [
    ...linesOf(readFileSync('/proc/self/mountinfo', 'utf8')).filter((line) => line.includes(base)),
    ...readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => `process ${pid}: ${readCommand(pid)}`)
      .filter((line) => line.includes(base)),
    ...readdirSync('/sys/class/net').filter(isOurs),
    ...(isRoot ? [...run('nft', 'list', 'tables'), ...run('iptables', '-w', '-S')].filter(isOurs) : []),
    ...groupsOf(ids),
  ]
}

/** Control groups that are named after containers. */
export function groupsOf(ids: Iterable<string>): string[] {
  const named = [...ids]
  const walk = (folder: string): string[] => {
    try {
      return readdirSync(folder, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .flatMap((entry) => {
          const isOurs = named.some((id) => entry.name.includes(id))
          return [...(isOurs ? [`cgroup ${folder}/${entry.name}`] : []), ...walk(path.join(folder, entry.name))]
        })
    } catch {
      return []
    }
  }
  return named.length > 0 ? walk('/sys/fs/cgroup') : []
}

const hashOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 8)
const linesOf = (text: string) => text.split('\n').filter(Boolean)

function run(command: string, ...args: string[]): string[] {
  try {
    return linesOf(execFileSync(command, args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString())
  } catch {
    // Not on this machine: then nothing of it was used.
    return []
  }
}

function readCommand(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}
