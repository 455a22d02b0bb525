import fs from 'node:fs'
import path from 'node:path'
import { EngineError } from '../../contract/errors.ts'
import type { TarHeader } from '../../lib/tar-headers.ts'
import type { TarSink } from '../../lib/tar-reader.ts'
import { makeDevice, makeNode, S_IFBLK, S_IFCHR, S_IFIFO } from '../libc/files.ts'
import { O_PATH } from '../libc/openat2.ts'
import { applyXattrs, writeAll } from '../unpack/layer-writer.ts'
import { listFolder, openChild } from './pack.ts'
import { openFolder } from './resolve.ts'
import type { ArchiveRoot } from './root.ts'

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_TRUNC } = fs.constants

export interface ExtractOptions {
  /** Folder of the container that the entries go into, links in it resolved inside the root. */
  readonly folder: string
  readonly rootless: boolean
  readonly keepKinds: boolean
  readonly owner: { readonly uid: number; readonly gid: number } | null
}

/** Writes a tar's entries into a folder of a container. */
export interface Extractor extends TarSink {
  /** Folders get their mode and time last, since writing into them changes both. To be called whatever happened. */
  close(): void
}

/**
 * Every name is made in a folder that a descriptor names, which the kernel has found inside the root: a process that
 * swaps folders for links meanwhile sends files elsewhere in its own root, never out of it.
 */
export function createExtractor(root: ArchiveRoot, options: ExtractOptions): Extractor {
  const folders: { readonly name: string; readonly header: TarHeader }[] = []
  let parent = { name: '', fd: -1 }
  let file = -1
  let place = ''

  const openParent = (name: string): number => {
    const folder = path.posix.dirname(name)
    if (parent.fd >= 0 && parent.name === folder) return parent.fd
    if (parent.fd >= 0) fs.closeSync(parent.fd)
    parent = { name: folder, fd: -1 }
    const fd = openOrMake(folder)
    parent = { name: folder, fd }
    return fd
  }
  const openOrMake = (folder: string): number => {
    const inner = path.posix.join(options.folder, folder)
    try {
      return openFolder(root, inner)
    } catch (error) {
      if ((error as { errno?: number }).errno !== 2 || folder === '.') throw error
      const above = openOrMake(path.posix.dirname(folder))
      try {
        const made = `/proc/self/fd/${above}/${path.posix.basename(folder)}`
        fs.mkdirSync(made, 0o755)
        if (options.owner) fs.lchownSync(made, options.owner.uid, options.owner.gid)
      } finally {
        fs.closeSync(above)
      }
      return openFolder(root, inner)
    }
  }
  const pathOf = (name: string) => `/proc/self/fd/${openParent(name)}/${path.posix.basename(name)}`

  /** Clears what is in the way of an entry; answers whether a folder is there already. */
  const clear = (name: string, header: TarHeader): boolean => {
    const stats = fs.lstatSync(pathOf(name), { throwIfNoEntry: false })
    if (!stats) return false
    const isFolder = header.type === 'directory'
    if (options.keepKinds && stats.isDirectory() !== isFolder) {
      const [there, here] = stats.isDirectory() ? ['directory', 'non-directory'] : ['non-directory', 'directory']
      throw new EngineError(
        'invalidArgument',
        'archive.kind-differs',
        `cannot overwrite ${there} "${path.posix.join(options.folder, name)}" with ${here} "${name}"`,
      )
    }
    if (stats.isDirectory() && isFolder) return true
    if (stats.isDirectory()) removeTreeAt(openParent(name), Buffer.from(path.posix.basename(name)).toString('latin1'))
    else removeFile(pathOf(name), header.type === 'file')
    return false
  }

  const make = (name: string, header: TarHeader) => {
    const isThere = clear(name, header)
    const target = pathOf(name)
    switch (header.type) {
      case 'directory':
        if (!isThere) fs.mkdirSync(target, 0o755)
        folders.push({ name, header })
        return
      case 'symlink':
        return fs.symlinkSync(header.linkName, target)
      case 'link':
        return linkTo(name, header)
      case 'fifo':
        return makeNode(target, S_IFIFO | 0o600, 0)
      case 'character':
      case 'block': {
        if (options.rootless)
          throw new EngineError('forbidden', 'archive.device', `a device cannot be made without root: ${name}`)
        const kind = header.type === 'block' ? S_IFBLK : S_IFCHR
        return makeNode(target, kind | 0o600, makeDevice(header.major || 0, header.minor || 0))
      }
      case 'file':
        file = openFile(target, (header.mode || 0) & 0o777)
        return
      default:
        throw new EngineError(
          'invalidArgument',
          'archive.unknown-type',
          header.type === 'sparse'
            ? `${name} is a sparse file, as tar --sparse (-S) writes it: make the archive without that`
            : `${name} is of a type that no file has`,
        )
    }
  }
  const linkTo = (name: string, header: TarHeader) => {
    const source = cleanName(header.linkName)
    if (source === '.') throw breakout(header.linkName)
    const from = openOrMake(path.posix.dirname(source))
    try {
      fs.linkSync(`/proc/self/fd/${from}/${path.posix.basename(source)}`, pathOf(name))
    } finally {
      fs.closeSync(from)
    }
  }
  const applyFacts = (target: string, header: TarHeader) => {
    const uid = options.owner?.uid ?? (header.uid || 0)
    const gid = options.owner?.gid ?? (header.gid || 0)
    const isOpen = file >= 0
    const mode = (header.mode || 0) & 0o7777
    isOpen ? fs.fchownSync(file, uid, gid) : fs.lchownSync(target, uid, gid)
    if (isOpen) fs.fchmodSync(file, mode)
    else if (header.type !== 'symlink') chmodAt(target, mode)
    if (header.xattrs) applyXattrs(target, header.xattrs)
    const time = header.mtime || 0
    if (isOpen) fs.futimesSync(file, time, time)
    else fs.lutimesSync(target, time, time)
  }

  return {
    begin(header) {
      file = -1
      place = cleanName(header.name)
      if (place === '.') {
        if (header.type === 'directory') place = ''
        return
      }
      make(place, header)
      if (header.type === 'directory' || header.type === 'link') place = ''
    },
    data(chunk) {
      if (file >= 0) writeAll(file, chunk)
    },
    end(header) {
      if (place === '' || place === '.') return
      try {
        applyFacts(pathOf(place), header)
      } finally {
        if (file >= 0) fs.closeSync(file)
        file = -1
      }
    },
    close() {
      try {
        if (file >= 0) fs.closeSync(file)
        file = -1
        for (const { name, header } of folders.reverse()) {
          const target = pathOf(name)
          if (fs.lstatSync(target, { throwIfNoEntry: false })?.isDirectory()) applyFacts(target, header)
        }
      } finally {
        if (parent.fd >= 0) fs.closeSync(parent.fd)
      }
    },
  }
}

/** An entry's name without what says nothing; one that leads out is refused. */
function cleanName(name: string): string {
  const clean = path.posix.normalize(name.replace(/^\/+/, '') || '.').replace(/\/+$/, '') || '.'
  if (clean === '..' || clean.startsWith('../') || name.includes('\0')) throw breakout(name)
  return clean
}

function breakout(name: string): EngineError {
  return new EngineError(
    'invalidArgument',
    'archive.breakout',
    `invalid archive: ${JSON.stringify(name.slice(0, 200))} is outside of the destination`,
  )
}

/** A new file; one that is mounted there (as /etc/hosts is) is written in place. */
function openFile(target: string, mode: number): number {
  try {
    return fs.openSync(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return fs.openSync(target, O_WRONLY | O_TRUNC | O_NOFOLLOW)
  }
}

/** What is mounted stays where it is when it may. */
function removeFile(target: string, mayStay: boolean): void {
  try {
    fs.unlinkSync(target)
  } catch (error) {
    if (!mayStay || (error as NodeJS.ErrnoException).code !== 'EBUSY') throw error
  }
}

/** chmod(2) follows links, so the thing is named by a descriptor first. */
function chmodAt(target: string, mode: number): void {
  const fd = fs.openSync(target, O_PATH | O_NOFOLLOW)
  try {
    if (!fs.fstatSync(fd).isSymbolicLink()) fs.chmodSync(`/proc/self/fd/${fd}`, mode)
  } finally {
    fs.closeSync(fd)
  }
}

/** Removes a folder of a folder, through no link. */
function removeTreeAt(folder: number, name: string): void {
  const fd = openChild(folder, name)
  if (fd < 0) return
  const target = Buffer.concat([Buffer.from(`/proc/self/fd/${folder}/`), Buffer.from(name, 'latin1')])
  const isFolder = fs.fstatSync(fd).isDirectory()
  try {
    for (const child of isFolder ? listFolder(fd) : []) removeTreeAt(fd, child)
  } finally {
    fs.closeSync(fd)
  }
  if (isFolder) fs.rmdirSync(target)
  else fs.unlinkSync(target)
}
