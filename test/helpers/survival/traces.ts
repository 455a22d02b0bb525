import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import path from 'node:path'
import { enterBridgesOf } from '../inside.ts'
import { groupsOf } from '../leftovers.ts'
import type { EngineProcess } from './engine-process.ts'

/** What an engine has on this machine at a moment, as lines that can be compared. */
export function tracesOf(engine: EngineProcess, ids: ReadonlySet<string>): readonly string[] {
  const keeper = engine.keeperPid()
  return [
    ...processesOf(engine.base),
    ...mountsOf(keeper, engine.base),
    ...linksOf(engine, ids),
    ...rulesOf(engine),
    ...groupsOf(ids),
    ...filesOf(engine),
  ].sort()
}

/** Open descriptors of a process. */
export const descriptorsOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

/** Processes whose command or working folder names a folder, without the engine itself. */
export function processesOf(folder: string): string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return []
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      const isOurs = command.includes(folder) || readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)
      const isDead = /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
      return isOurs && !isDead ? [`process ${command.split(folder).join('…').slice(0, 200)}`] : []
    } catch {
      return []
    }
  })
}

/** Mounts below a folder, in the mount namespace of a process. */
function mountsOf(pid: number, folder: string): string[] {
  return readFileSync(`/proc/${pid}/mountinfo`, 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.startsWith(folder))
    .map((point) => `mount ${point.slice(folder.length)}`)
}

/** Runs a command where the engine's bridges are. */
function whereBridgesAre(engine: EngineProcess, command: readonly string[]): string {
  const argv = [...enterBridgesOf({ runtimeDir: engine.runtimeDir, keeperPid: engine.keeperPid() }), ...command]
  const { stdout, stderr, status } = spawnSync(argv[0] ?? '', argv.slice(1))
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`)
  return stdout.toString()
}

function linksOf(engine: EngineProcess, ids: ReadonlySet<string>): string[] {
  const short = new Set([...ids].map((id) => id.slice(0, 8)))
  return [...whereBridgesAre(engine, ['ip', '-o', 'link', 'show']).matchAll(/^\d+: veth([0-9a-f]{8})/gm)]
    .filter(([, id = '']) => short.has(id))
    .map(([, id]) => `veth of ${id}`)
}

/** The engine's own tables, without counters. */
function rulesOf(engine: EngineProcess): string[] {
  const tag = createHash('sha256').update(path.join(engine.runtimeDir, 'keeper')).digest('hex').slice(0, 8)
  return ['ip', 'ip6'].flatMap((family) =>
    whereBridgesAre(engine, ['nft', 'list', 'table', family, `slipway-${tag}`])
      .split('\n')
      .filter((line) => /dnat|elements|:/.test(line))
      .map((line) => `rule ${family} ${line.trim()}`),
  )
}

/** Files of the state: all of them but sockets, logs and the keeper's copy. */
function filesOf({ base }: EngineProcess): string[] {
  const walk = (folder: string): string[] => {
    try {
      return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        const file = path.join(folder, entry.name)
        if (/\/root\/(layers|keeper|logs)$/.test(file)) return []
        return [`file ${file.slice(base.length)}`, ...(entry.isDirectory() ? walk(file) : [])]
      })
    } catch {
      return []
    }
  }
  return walk(base)
}
