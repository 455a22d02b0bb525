import fs from 'node:fs'
import type { PathChange } from '../../host/archive.ts'
import { O_PATH, openat2, RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS } from '../libc/openat2.ts'
import { writeAll } from '../unpack/layer-writer.ts'
import { isOpaque, isWhiteout, listFolder, MOUNT_PLACES, openChild } from './pack.ts'

const { O_NOFOLLOW, O_DIRECTORY } = fs.constants
/**
 * Compares a container's own layer with those below it, and writes a `PathChange` a line: folders before what is in
 * them, in order.
 */
export function writeChanges(
  out: number,
  layers: {
    readonly upper: string
    readonly lower: readonly string[]
    readonly opaqueName: string
    /** Closes a descriptor in the end. */
    readonly keep: (fd: number) => number
  },
): void {
  const upper = layers.keep(fs.openSync(layers.upper, O_PATH | O_DIRECTORY))
  const below = layers.lower.map((folder) => layers.keep(fs.openSync(folder, O_PATH | O_DIRECTORY)))
  const lines: string[] = []
  const tell = (name: string, kind: PathChange['kind'], stats: fs.Stats) => lines.push(line(name, kind, stats))
  const walk = (folder: number, prefix: string, isNew: boolean) => {
    for (const child of listFolder(folder)) {
      const fd = openChild(folder, child)
      if (fd < 0) continue
      try {
        visit(fd, `${prefix}${child}`, isNew)
      } finally {
        fs.closeSync(fd)
      }
    }
  }
  const visit = (fd: number, name: string, isNew: boolean) => {
    const stats = fs.fstatSync(fd)
    if (isWhiteout(stats)) {
      const gone = findBelow(below, name, layers.opaqueName)
      if (gone) tell(name, 'removed', gone)
      return
    }
    const old = isNew ? null : findBelow(below, name, layers.opaqueName)
    const at = lines.length
    if (!old) tell(name, 'added', stats)
    else if (differs(old, stats)) tell(name, 'changed', stats)
    const own = lines.length
    if (stats.isDirectory()) walk(fd, `${name}/`, !old || isOpaque(fd, layers.opaqueName))
    const hasInner = lines.length > own
    // A folder that only holds changes has changed too; a place that the engine made has not.
    if (old && hasInner && own === at) lines.splice(at, 0, line(name, 'changed', stats))
    if (!old && !hasInner && MOUNT_PLACES.has(name) && (stats.isDirectory() || stats.size === 0)) lines.length = at
  }
  walk(upper, '', false)
  writeAll(out, Buffer.from(lines.join('')))
}

/** A `PathChange` as a line. */
function line(name: string, kind: PathChange['kind'], stats: fs.Stats): string {
  const path = `/${Buffer.from(name, 'latin1').toString()}`
  const sizeBytes = stats.isFile() ? stats.size : 0
  const linkId = stats.isFile() && stats.nlink > 1 ? `${stats.dev}:${stats.ino}` : ''
  return `${JSON.stringify({ path, kind, sizeBytes, linkId, isFolder: stats.isDirectory() } satisfies PathChange)}\n`
}

/** What the layers below have by a name, the highest first, as an overlay of them would show it. */
function findBelow(layers: readonly number[], name: string, opaqueName: string): fs.Stats | null {
  const parts = name.split('/')
  for (const layer of layers) {
    const found = findIn(layer, parts, opaqueName)
    if (found === 'hidden') return null
    if (found) return found
  }
  return null
}

/** `hidden`: this layer hides what those below it have by the name. */
function findIn(layer: number, parts: readonly string[], opaqueName: string): fs.Stats | 'hidden' | null {
  let isHidden = false
  for (let count = 1; count <= parts.length; count += 1) {
    const fd = openBelow(layer, parts.slice(0, count).join('/'))
    if (fd < 0) return isHidden ? 'hidden' : null
    try {
      const stats = fs.fstatSync(fd)
      if (isWhiteout(stats)) return 'hidden'
      if (count === parts.length) return stats
      if (!stats.isDirectory()) return 'hidden'
      isHidden ||= isOpaque(fd, opaqueName)
    } finally {
      fs.closeSync(fd)
    }
  }
  return null
}

function openBelow(layer: number, name: string): number {
  try {
    const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS
    return openat2(layer, Buffer.from(name, 'latin1'), { flags: O_PATH | O_NOFOLLOW, resolve })
  } catch (error) {
    const { errno } = error as { errno?: number }
    if (errno === 2 || errno === 20 || errno === 40) return -1
    throw error
  }
}

/** As dockerd compares: kind, mode, owner, device; of anything but folders also size and time. */
function differs(old: fs.Stats, now: fs.Stats): boolean {
  if (old.mode !== now.mode || old.uid !== now.uid || old.gid !== now.gid || old.rdev !== now.rdev) return true
  return !now.isDirectory() && (old.size !== now.size || Math.floor(old.mtimeMs) !== Math.floor(now.mtimeMs))
}
