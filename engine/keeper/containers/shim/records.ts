import fs from 'node:fs'
import type { CreateContainerParams, ProcessRef } from '../../../host/host.ts'
import { writeStateFile } from '../../state-file.ts'

/*
 * The keeper's own folder. It is in a runtime folder: a reboot empties it together with the processes it tells of.
 *
 *   containers/ID.json   what a restarted keeper needs to adopt a container
 *   exits/ID             exit code, written by conmon
 *   execs/EXECID/        conmon's folder of a running exec
 *   runc/, crun/         a runtime's root
 */
export interface ExitRecord {
  readonly exitCode: number
  readonly oomKilled: boolean
  readonly shimLost: boolean
  readonly time: string
}
/** A container on disk. Pids are 0 between the start of conmon and its first word. */
export interface ContainerFile extends CreateContainerParams {
  readonly init: ProcessRef
  readonly conmon: ProcessRef
  /** The runtime that made it: its path, or `runc` in records of before there was a choice. */
  readonly runtime: string
  readonly paused: boolean
  readonly exit: ExitRecord | null
}

export interface ContainerFiles {
  readonly folders: { readonly exits: string; readonly execs: string }
  list(): ContainerFile[]
  put(file: ContainerFile): void
  remove(containerId: string): void
  /** The exit that conmon wrote down, if it did. */
  readExit(file: ContainerFile): ExitRecord | null
}

/** Files that conmon and the runtime leave in a bundle. */
const LEFT_IN_BUNDLE = [
  'pidfile',
  'conmon.pid',
  'attach',
  'ctl',
  'winsz',
  'shutdown',
  'oci-log',
  'oom',
  'exit',
  'resources.json',
]

/** Takes what an earlier run left in a bundle away; `config.json` stays. */
export function cleanBundle(bundle: string): void {
  for (const name of LEFT_IN_BUNDLE) fs.rmSync(`${bundle}/${name}`, { force: true })
}

/** Opens the keeper's folder, making what is missing. */
export function openContainerFiles(stateFolder: string): ContainerFiles {
  const folders = { exits: `${stateFolder}/exits`, execs: `${stateFolder}/execs` }
  const records = `${stateFolder}/containers`
  for (const folder of [records, ...Object.values(folders)]) fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  return {
    folders,
    list: () =>
      fs.readdirSync(records).flatMap((name) => {
        if (!name.endsWith('.json')) return []
        try {
          const file = JSON.parse(fs.readFileSync(`${records}/${name}`, 'utf8')) as ContainerFile
          return [{ ...file, runtime: file.runtime ?? 'runc' }]
        } catch {
          return []
        }
      }),
    put(file) {
      writeStateFile(`${records}/${file.containerId}.json`, file)
    },
    remove(containerId) {
      fs.rmSync(`${records}/${containerId}.json`, { force: true })
      fs.rmSync(`${folders.exits}/${containerId}`, { force: true })
    },
    readExit({ containerId, bundle }) {
      try {
        const path = `${folders.exits}/${containerId}`
        const text = fs.readFileSync(path, 'utf8').trim()
        if (!/^-?\d+$/.test(text)) return null
        const time = fs.statSync(path).mtime.toISOString()
        return { exitCode: Number(text), oomKilled: fs.existsSync(`${bundle}/oom`), shimLost: false, time }
      } catch {
        return null
      }
    },
  }
}

/** A pid file's number, 0 when there is none. */
export function readPid(path: string): number {
  try {
    return Number(fs.readFileSync(path, 'utf8').trim()) || 0
  } catch {
    return 0
  }
}
