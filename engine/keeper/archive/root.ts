import fs from 'node:fs'
import path from 'node:path'
import type { ArchivePlace } from '../../host/archive.ts'
import { enterOwnMounts } from '../libc/archive.ts'
import { bindMount, MS_RDONLY, mountOverlay, mountTmpfs, restrictMount } from '../libc/mount.ts'
import { O_PATH, openat2, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS } from '../libc/openat2.ts'

type Layers = Extract<ArchivePlace, { kind: 'layers' }>

/** A container's root to resolve paths in. `prefix` is what its paths begin with as this process sees them. */
export interface ArchiveRoot {
  readonly fd: number
  readonly prefix: string
}

/** Opens the root of a place. Layers are mounted where only this process sees them; the mounts end with it. */
export function openRoot(place: ArchivePlace, rootless: boolean): ArchiveRoot {
  switch (place.kind) {
    case 'process':
      return { fd: openFolder(`/proc/${place.pid}/root`), prefix: '' }
    case 'folder':
      return { fd: openFolder(place.path), prefix: place.path }
    case 'layers':
      return mountLayers(place, rootless)
  }
}

const openFolder = (folder: string) => fs.openSync(folder, O_PATH | fs.constants.O_DIRECTORY)

function mountLayers({ overlay, mounts }: Layers, rootless: boolean): ArchiveRoot {
  enterOwnMounts()
  const base = overlay.target
  mountTmpfs(base, 'mode=755')
  const [target, skeleton] = [path.join(base, 'root'), path.join(base, 'skeleton')]
  fs.mkdirSync(target)
  fs.mkdirSync(skeleton)
  // The lowest layer has the places that volumes are mounted on, in case the image has them not.
  for (const mount of mounts) makePlace(skeleton, mount)
  mountOverlay({ ...overlay, lower: [...overlay.lower, skeleton], target, userxattr: rootless })
  const root = openFolder(target)
  const inOrder = [...mounts].sort((a, b) => a.target.split('/').length - b.target.split('/').length)
  for (const mount of inOrder) bindOn(root, mount)
  // Opened anew: what is mounted on the root itself would else be missed.
  fs.closeSync(root)
  return { fd: openFolder(target), prefix: target }
}

function makePlace(skeleton: string, { source, subpath, target }: Layers['mounts'][number]): void {
  const place = path.join(skeleton, path.posix.normalize(`/${target}`))
  if (subpath === '' && fs.statSync(source, { throwIfNoEntry: false })?.isFile()) {
    fs.mkdirSync(path.dirname(place), { recursive: true })
    fs.writeFileSync(place, '')
  } else fs.mkdirSync(place, { recursive: true })
}

/** Mounts by descriptors, so that no link in the image or the volume leads it elsewhere; a place that is missing gets none. */
function bindOn(root: number, { source, subpath, target, readOnly }: Layers['mounts'][number]): void {
  const how = { flags: O_PATH, resolve: RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS }
  const opened: number[] = []
  const keep = (fd: number) => {
    opened.push(fd)
    return fd
  }
  try {
    const on = keep(openat2(root, target, how))
    const whole = keep(fs.openSync(source, O_PATH))
    const from = subpath === '' ? whole : keep(openat2(whole, subpath, how))
    bindMount(`/proc/self/fd/${from}`, `/proc/self/fd/${on}`)
    if (readOnly) restrictMount(`/proc/self/fd/${keep(openat2(root, target, how))}`, MS_RDONLY)
  } catch (error) {
    if ((error as { code?: string; errno?: number }).code !== 'ENOENT' && (error as { errno?: number }).errno !== 2)
      throw error
  } finally {
    for (const fd of opened) fs.closeSync(fd)
  }
}
