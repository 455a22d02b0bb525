import {
  chmodSync,
  closeSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import type { Header } from 'tar-stream'
import { EngineError } from '../../contract/errors.ts'
import { makeDevice, makeNode, S_IFBLK, S_IFCHR, S_IFIFO, setXattr } from '../libc/files.ts'
import { readLayerName } from './entry-name.ts'

const XATTR_PREFIX = 'SCHILY.xattr.'

/** Writes layer entries below `/` of a process that lives in the layer's root. */
export interface TreeWriter {
  /** Makes what a header says; answers a descriptor to write a regular file's bytes to, or `null`. */
  begin(header: Header): number | null
  /** Owner, mode, time and attributes of an entry whose bytes are written. */
  finish(header: Header, fd: number | null): void
  /** Folders get their own mode and time last, since writing into them changes both. */
  close(): void
}

/** `opaqueAttribute` is `trusted.overlay.opaque`, or `user.overlay.opaque` in a user namespace. */
export function createTreeWriter(options: {
  readonly opaqueAttribute: string
  readonly canMakeDevices: boolean
}): TreeWriter {
  const folders = new Map<string, Header>()
  const fresh = (target: string) => {
    mkdirSync(path.dirname(target), { recursive: true, mode: 0o755 })
    rmSync(target, { recursive: true, force: true })
    return target
  }

  const makeFolder = (target: string) => {
    const existing = lstatSync(target, { throwIfNoEntry: false })
    if (existing && !existing.isDirectory()) rmSync(target, { force: true })
    mkdirSync(target, { recursive: true, mode: 0o755 })
  }

  const applyOwner = (target: string, header: Header) => {
    lchownSync(target, header.uid ?? 0, header.gid ?? 0)
    if (header.type !== 'symlink') chmodSync(target, (header.mode ?? 0o644) & 0o7777)
    for (const [key, value] of Object.entries((header.pax ?? {}) as Record<string, string>)) {
      if (key.startsWith(XATTR_PREFIX)) applyXattr(target, key.slice(XATTR_PREFIX.length), value)
    }
  }

  return {
    begin(header) {
      const name = readLayerName(header.name)
      if (name.kind === 'metadata') return null
      if (name.kind === 'root') {
        folders.set('/', header)
        return null
      }
      if (name.kind === 'opaque') {
        makeFolder(name.path)
        setXattr(name.path, options.opaqueAttribute, Buffer.from('y'))
        return null
      }
      if (name.kind === 'whiteout') {
        makeNode(fresh(name.path), S_IFCHR, 0)
        return null
      }
      const target = name.path
      switch (header.type) {
        case 'directory':
          makeFolder(target)
          folders.set(target, header)
          return null
        case 'symlink':
          symlinkSync(header.linkname ?? '', fresh(target))
          return null
        case 'link':
          makeLink(header, fresh(target))
          return null
        case 'fifo':
          makeNode(fresh(target), S_IFIFO, 0)
          return null
        case 'character-device':
        case 'block-device':
          if (options.canMakeDevices) {
            const kind = header.type === 'block-device' ? S_IFBLK : S_IFCHR
            makeNode(fresh(target), kind, makeDevice(header.devmajor ?? 0, header.devminor ?? 0))
          }
          return null
        default:
          return openSync(fresh(target), 'wx', 0o600)
      }
    },
    finish(header, fd) {
      if (fd !== null) closeSync(fd)
      const name = readLayerName(header.name)
      if (name.kind !== 'entry' || header.type === 'directory' || header.type === 'link') return
      if (!lstatSync(name.path, { throwIfNoEntry: false })) return
      applyOwner(name.path, header)
      const time = header.mtime ?? new Date(0)
      if (header.type === 'symlink') lutimesSync(name.path, time, time)
      else utimesSync(name.path, time, time)
    },
    close() {
      for (const [target, header] of [...folders].reverse()) {
        if (!lstatSync(target, { throwIfNoEntry: false })?.isDirectory()) continue
        applyOwner(target, header)
        const time = header.mtime ?? new Date(0)
        utimesSync(target, time, time)
      }
    },
  }
}

/** Writes all of a chunk. */
export function writeAll(fd: number, chunk: Uint8Array): void {
  for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at)
}

function makeLink(header: Header, target: string): void {
  const bad = (why: string) =>
    new EngineError(
      'invalidArgument',
      'layer.bad-link',
      `hard link ${JSON.stringify(header.name.slice(0, 200))} → ${JSON.stringify(header.linkname?.slice(0, 200))}: ${why}`,
      {
        details: { entry: header.name.slice(0, 200) },
      },
    )
  const parts = (header.linkname ?? '').split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..') || parts.length === 0) throw bad('it leads outside the layer')
  try {
    linkSync(`/${parts.join('/')}`, target)
  } catch (error) {
    throw bad((error as NodeJS.ErrnoException).code === 'ENOENT' ? 'its target is not in this layer' : String(error))
  }
}

/** File capabilities must survive; attributes that this place cannot hold (another's security label) are left out. */
function applyXattr(target: string, name: string, value: string): void {
  try {
    setXattr(target, name, Buffer.from(value, 'latin1'))
  } catch (error) {
    if (name === 'security.capability' || name.startsWith('user.')) throw error
  }
}
