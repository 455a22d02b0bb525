import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import type { ProcessRef } from '../../../host/host.ts'
import { isAlive } from '../../libc/process.ts'

/*
 * What runc leaves in its root of a container, and the two verbs that are done on it without starting runc again
 * (a start of it costs more than the work; ADR 15):
 *
 *   runc/ID/state.json   all that runc knows, among it the container's control groups by controller
 *   runc/ID/exec.fifo    there from `create` to `start`: init waits until it is read, then becomes the process
 */
const CHECK_MS = 100
const START_MS = 60_000
const STATE_BYTES = 4 * 1024 * 1024

/**
 * `runc start`: reads the fifo that a created container's init waits at, and takes it away. False when there is none to
 * read, or init died before it was, or does not come to it: runc then knows what to say.
 */
export async function startByFifo(folder: string, init: ProcessRef): Promise<boolean> {
  const fifo = path.join(folder, 'exec.fifo')
  let fd: number
  try {
    fd = fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK)
  } catch {
    return false
  }
  const isRead = await untilRead(fd, init)
  if (isRead) fs.rmSync(fifo, { force: true })
  return isRead
}

function untilRead(fd: number, init: ProcessRef): Promise<boolean> {
  const fifo = new net.Socket({ fd, readable: true, writable: false })
  return new Promise((resolve) => {
    const settle = (isRead: boolean) => {
      clearInterval(check)
      clearTimeout(late)
      fifo.destroy()
      resolve(isRead)
    }
    const check = setInterval(() => {
      // A process that is over at once may have written before it: its word still lies in the fifo.
      if (!isAlive(init)) settle(hasBytes(fd))
    }, CHECK_MS)
    // One that is frozen, for one: runc is asked then, and has its own deadline.
    const late = setTimeout(() => settle(false), START_MS)
    fifo.on('error', () => settle(false))
    fifo.once('data', () => settle(true))
  })
}

function hasBytes(fd: number): boolean {
  try {
    return fs.readSync(fd, Buffer.alloc(1)) > 0
  } catch {
    return false
  }
}

/**
 * `runc delete` of a container whose init is gone: removes its empty control groups and runc's folder. False, with what
 * was not removed still there, when anything else is to be done: a group has processes or groups within, or the state
 * cannot be read.
 */
export function deleteState(folder: string, init: ProcessRef): boolean {
  if (isAlive(init)) return false
  const groups = controlGroups(folder)
  if (!groups) return false
  try {
    for (const group of groups) removeGroup(group)
  } catch {
    return false
  }
  fs.rmSync(folder, { recursive: true, force: true })
  return true
}

function controlGroups(folder: string): readonly string[] | null {
  try {
    const file = path.join(folder, 'state.json')
    if (fs.statSync(file).size > STATE_BYTES) return null
    const state = JSON.parse(fs.readFileSync(file, 'utf8')) as Readonly<Record<string, unknown>>
    const groups = state['cgroup_paths']
    if (state['intel_rdt_path'] || typeof groups !== 'object' || groups === null) return null
    const paths = Object.values(groups) as unknown[]
    const isOwn = (group: unknown): group is string =>
      typeof group === 'string' && group.startsWith('/sys/fs/cgroup/') && path.normalize(group) === group
    return paths.every(isOwn) ? [...new Set(paths)] : null
  } catch {
    return null
  }
}

function removeGroup(group: string): void {
  try {
    fs.rmdirSync(group)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
