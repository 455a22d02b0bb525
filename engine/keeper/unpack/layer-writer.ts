import fs from 'node:fs'
import path from 'node:path'
import { EngineError } from '../../contract/errors.ts'
import type { TarHeader } from '../../lib/tar-headers.ts'
import type { TarSink } from '../../lib/tar-reader.ts'
import { makeDevice, makeNode, S_IFBLK, S_IFCHR, S_IFIFO, setXattr } from '../libc/files.ts'
import { type LayerName, readLayerName } from './entry-name.ts'

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants
const O_NEW = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW
const SPECIAL_BITS = 0o7000
const YES = Buffer.from('y')
/** What is kept of so many folders until the end takes 1 GiB of memory. */
const MAX_ENTRIES = 4_000_000
/** Attributes of all entries of folders, which are kept in memory with the rest. */
const MAX_KEPT_BYTES = 128 * 1024 * 1024

export interface LayerWriterOptions {
  readonly rootless: boolean
  /** `layer`: whiteouts become overlay's own marks. `plain`: names are names. */
  readonly names: 'layer' | 'plain'
}

/** What is set once an entry is written. */
type Facts = Pick<TarHeader, 'type' | 'uid' | 'gid' | 'mode' | 'mtime' | 'xattrs'>

/** Writes entries below `/` of a process whose root is the layer's folder. */
export interface LayerWriter extends TarSink {
  /** Folders get their mode and time last, since writing into them changes both. */
  close(): void
  /** Bytes of regular files. */
  readonly sizeBytes: number
  readonly skippedDevices: number
}

/** Nothing is followed out of the root, because there is no outside: the process has entered it. */
export function createLayerWriter(options: LayerWriterOptions): LayerWriter {
  const opaqueName = options.rootless ? 'user.overlay.opaque' : 'trusted.overlay.opaque'
  const folders = new Map<string, Facts>()
  const whiteouts = new Set<string>()
  let fd = -1
  let target = ''
  let entries = 0
  let keptBytes = 0
  let sizeBytes = 0
  let skippedDevices = 0

  /** Tries to make something new; makes its parents or clears its place only when that fails. */
  const makeNew = <T>(place: string, make: () => T): T => {
    for (let tries = 0; ; tries += 1) {
      try {
        return make()
      } catch (error) {
        const code = errorCode(error)
        if (tries > 2) throw error
        if (code === 'EEXIST' && place !== '/') {
          fs.rmSync(place, { recursive: true, force: true })
          whiteouts.delete(place)
        } else if (code === 'ENOENT' || code === 'ENOTDIR') makeParents(place)
        else throw error
      }
    }
  }

  const makeParents = (place: string) => {
    const parent = path.posix.dirname(place)
    const stats = fs.statSync(parent, { throwIfNoEntry: false })
    if (stats?.isDirectory() || parent === '/') return
    if (fs.lstatSync(parent, { throwIfNoEntry: false })) fs.rmSync(parent, { force: true })
    makeParents(parent)
    fs.mkdirSync(parent, 0o755)
    // The layer hides what was there below and now puts a folder in its place.
    if (whiteouts.delete(parent)) setXattr(parent, opaqueName, YES)
  }

  const makeFolder = (place: string) => {
    if (place === '/') return
    try {
      fs.mkdirSync(place, 0o755)
      return
    } catch (error) {
      if (errorCode(error) === 'EEXIST' && fs.lstatSync(place).isDirectory()) return
    }
    const wasHidden = whiteouts.has(place)
    makeNew(place, () => fs.mkdirSync(place, 0o755))
    if (wasHidden) setXattr(place, opaqueName, YES)
  }

  /** A whiteout hides what lower layers have, never what this layer has. */
  const makeWhiteout = (place: string) => {
    const existing = fs.lstatSync(place, { throwIfNoEntry: false })
    if (existing?.isDirectory()) setXattr(place, opaqueName, YES)
    if (existing) return
    makeNew(place, () => makeNode(place, S_IFCHR, 0))
    whiteouts.add(place)
  }

  const makeSpecial = (header: TarHeader, kind: number) => {
    if (options.rootless && kind !== S_IFIFO) {
      skippedDevices += 1
      target = ''
      return
    }
    const device = kind === S_IFIFO ? 0 : makeDevice(header.major || 0, header.minor || 0)
    makeNew(target, () => makeNode(target, kind | 0o600, device))
  }

  const applyFacts = (place: string, header: Facts) => {
    const uid = header.uid || 0
    const gid = header.gid || 0
    const isOpen = fd >= 0
    if (uid !== 0 || gid !== 0) isOpen ? fs.fchownSync(fd, uid, gid) : fs.lchownSync(place, uid, gid)
    const mode = (header.mode || 0) & 0o7777
    if (header.type === 'symlink') {
      // A link has no mode of its own.
    } else if (!isOpen) fs.chmodSync(place, mode)
    else if (mode & SPECIAL_BITS) fs.fchmodSync(fd, mode)
    if (header.xattrs) applyXattrs(place, header.xattrs)
    const time = header.mtime || 0
    if (isOpen) fs.futimesSync(fd, time, time)
    else fs.lutimesSync(place, time, time)
  }

  /** A folder's facts wait until all is in it; a later entry for the same folder has its turn later. */
  const setLater = (place: string, { type, uid, gid, mode, mtime, xattrs }: TarHeader) => {
    for (const value of xattrs?.values() ?? []) keptBytes += value.length
    if (keptBytes > MAX_KEPT_BYTES) throw tooMuch(`more than ${MAX_KEPT_BYTES} bytes of attributes of folders`)
    folders.delete(place)
    folders.set(place, { type, uid, gid, mode, mtime, xattrs })
  }

  const readName = (name: string): LayerName => {
    const read = readLayerName(options.names === 'plain' ? name.replaceAll('.wh.', '-wh-') : name)
    if (options.names === 'layer' || read.kind !== 'entry') return read
    return {
      kind: 'entry',
      path: `/${name
        .split('/')
        .filter((part) => part !== '' && part !== '.')
        .join('/')}`,
    }
  }

  const makeEntry = (header: TarHeader) => {
    switch (header.type) {
      case 'directory':
        makeFolder(target)
        setLater(target, header)
        target = ''
        return
      case 'symlink':
        if (header.linkName === '') throw badLink(header, 'it has no target')
        makeNew(target, () => fs.symlinkSync(header.linkName, target))
        return
      case 'link':
        makeLink(header, target, makeNew)
        target = ''
        return
      case 'fifo':
        return makeSpecial(header, S_IFIFO)
      case 'character':
        return makeSpecial(header, S_IFCHR)
      case 'block':
        return makeSpecial(header, S_IFBLK)
      case 'file':
        fd = makeNew(target, () => fs.openSync(target, O_NEW, (header.mode || 0) & 0o777))
        return
      case 'sparse':
        throw new EngineError(
          'invalidArgument',
          'layer.sparse',
          `layer entry ${JSON.stringify(header.name.slice(0, 200))} is a sparse file, as tar --sparse (-S) writes it: make the archive without that`,
        )
      default:
        throw new EngineError(
          'invalidArgument',
          'layer.bad-tar',
          `layer entry ${JSON.stringify(header.name.slice(0, 200))} is of an unknown type`,
        )
    }
  }

  return {
    get sizeBytes() {
      return sizeBytes
    },
    get skippedDevices() {
      return skippedDevices
    },
    begin(header) {
      entries += 1
      if (entries > MAX_ENTRIES) throw tooMuch(`more than ${MAX_ENTRIES} entries`)
      const name = readName(header.name)
      target = ''
      fd = -1
      if (name.kind === 'metadata') return
      if (name.kind === 'root') {
        if (header.type === 'directory') setLater('/', header)
      } else if (name.kind === 'opaque') {
        makeParents(path.posix.join(name.path, 'x'))
        setXattr(name.path, opaqueName, YES)
      } else if (name.kind === 'whiteout') makeWhiteout(name.path)
      else {
        target = name.path
        makeEntry(header)
      }
    },
    data(chunk) {
      if (fd < 0) return
      writeAll(fd, chunk)
      sizeBytes += chunk.length
    },
    end(header) {
      if (target === '') return
      try {
        applyFacts(target, header)
      } finally {
        if (fd >= 0) fs.closeSync(fd)
        fd = -1
      }
    },
    close() {
      for (const [place, header] of [...folders].reverse()) {
        if (fs.lstatSync(place, { throwIfNoEntry: false })?.isDirectory()) applyFacts(place, header)
      }
    },
  }
}

/** Writes all of a chunk. */
export function writeAll(fd: number, chunk: Buffer): void {
  for (let at = 0; at < chunk.length; ) at += fs.writeSync(fd, chunk, at)
}

function tooMuch(what: string): EngineError {
  return new EngineError('invalidArgument', 'layer.too-many-entries', `the layer has ${what} and was refused`)
}

function makeLink(header: TarHeader, target: string, makeNew: (place: string, make: () => void) => void): void {
  const parts = header.linkName.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..') || parts.length === 0) throw badLink(header, 'it leads outside the layer')
  const from = `/${parts.join('/')}`
  const stats = fs.lstatSync(from, { throwIfNoEntry: false })
  if (!stats) throw badLink(header, 'its target is not in this layer')
  if (stats.isDirectory()) throw badLink(header, 'its target is a folder')
  if (from === target) return
  makeNew(target, () => fs.linkSync(from, target))
}

function badLink(header: TarHeader, why: string): EngineError {
  const entry = header.name.slice(0, 200)
  return new EngineError(
    'invalidArgument',
    'layer.bad-link',
    `layer link ${JSON.stringify(entry)} → ${JSON.stringify(header.linkName.slice(0, 200))}: ${why}`,
    { details: { entry } },
  )
}

/** Overlay's own attributes would let a layer redirect folders: they are never taken from one. */
export function applyXattrs(place: string, xattrs: ReadonlyMap<string, Buffer>): void {
  for (const [name, value] of xattrs) {
    if (name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.')) continue
    try {
      setXattr(place, name, value)
    } catch (error) {
      // Another machine's security labels and what this file system cannot hold are left out.
      const { errno } = error as { errno?: number }
      const isRefusal = errno === 1 || errno === 95 || errno === 22
      if (!isRefusal || name === 'security.capability') throw error
    }
  }
}

function errorCode(error: unknown): string | undefined {
  const { code, reason } = error as { code?: string; reason?: string }
  return reason?.startsWith('libc.') ? reason.slice('libc.'.length).toUpperCase() : code
}
