import fs from 'node:fs'
import { paddedSize } from '../../lib/tar-headers.ts'
import { encodeTarHeader, TAR_END, type TarEntry } from '../../lib/tar-writer.ts'
import { readLink, readXattr, sendFile } from '../libc/archive.ts'
import { O_PATH, openat2, RESOLVE_BENEATH } from '../libc/openat2.ts'
import { writeAll } from '../unpack/layer-writer.ts'
import { isOfContainer } from './resolve.ts'

const { S_IFMT, S_IFREG, S_IFDIR, S_IFLNK, S_IFIFO, S_IFCHR, S_IFBLK, O_NOFOLLOW, O_RDONLY, O_NONBLOCK } = fs.constants
const SEND_BYTES = 4 * 1024 * 1024
const BUFFER_BYTES = 1024 * 1024
const TMPFS = 0x1021994
const ZEROS = Buffer.alloc(64 * 1024)
const CAPABILITY = 'security.capability'
/** Places that the engine mounts on; empty ones are no change of the container's. */
export const MOUNT_PLACES: ReadonlySet<string> = new Set(
  'dev dev/pts dev/shm dev/mqueue dev/console proc sys sys/fs/cgroup etc/hosts etc/hostname etc/resolv.conf etc/mtab .dockerenv sbin/docker-init'.split(
    ' ',
  ),
)

const TYPES: Readonly<Record<number, TarEntry['type']>> = {
  [S_IFREG]: 'file',
  [S_IFDIR]: 'directory',
  [S_IFLNK]: 'symlink',
  [S_IFIFO]: 'fifo',
  [S_IFCHR]: 'character',
  [S_IFBLK]: 'block',
}

/**
 * Writes what a descriptor names, and all below it, as a tar. Every step down is by a descriptor of the folder above
 * and follows no link; a folder without a name is packed without itself. So a process that swaps folders for links changes what is packed, never where it is read from.
 */
export function packTree(
  out: number,
  top: { readonly fd: number; readonly name: string },
  layer?: { readonly opaqueName: string },
): void {
  const sink = createSink(out)
  const links = new Map<string, string>()
  const pack = (fd: number, name: string) => {
    const stats = fs.fstatSync(fd)
    if (layer && isWhiteout(stats)) return sink.write(encodeTarHeader(whiteout(name)))
    if (layer && isPlace(name, stats, fd)) return
    const type = TYPES[stats.mode & S_IFMT]
    // Sockets have no place in a tar.
    if (!type) return
    const identity = `${stats.dev}:${stats.ino}`
    const first = type === 'file' && stats.nlink > 1 ? links.get(identity) : undefined
    if (first !== undefined) {
      sink.write(encodeTarHeader({ ...factsOf(stats), name, type: 'link', size: 0, linkName: first }))
      return
    }
    if (type === 'file' && stats.nlink > 1) links.set(identity, name)
    if (type === 'file') return packFile(sink, fd, { ...factsOf(stats), name, type, size: stats.size })
    const linkName = type === 'symlink' ? readLink(fd) : ''
    const entryName = type === 'directory' ? `${name}/` : name
    sink.write(encodeTarHeader({ ...factsOf(stats), name: entryName, type, size: 0, linkName }))
    if (layer && type === 'directory' && isOpaque(fd, layer.opaqueName)) {
      sink.write(encodeTarHeader(whiteout(`${name}/.wh..opq`)))
    }
    if (type === 'directory' && hasFiles(fd, stats.dev, name)) packFolder(fd, name)
  }
  const packFolder = (fd: number, name: string) => {
    for (const child of listFolder(fd)) {
      const inner = openChild(fd, child)
      if (inner < 0) continue
      try {
        pack(inner, name === '' ? child : `${name}/${child}`)
      } finally {
        fs.closeSync(inner)
      }
    }
  }
  const hasFiles = (fd: number, device: number, name: string) =>
    isOfContainer(fd) && !(name === './dev' && device !== fs.fstatSync(top.fd).dev && isTmpfs(fd))
  if (top.name === '') packFolder(top.fd, '')
  else pack(top.fd, top.name)
  sink.write(TAR_END)
  sink.flush()
}

/** The same of a writable layer of an overlay, as a layer of an image: what hides files below becomes a whiteout. */
export function packLayer(out: number, layer: { readonly folder: string; readonly opaqueName: string }): void {
  const fd = fs.openSync(layer.folder, O_PATH | fs.constants.O_DIRECTORY)
  try {
    packTree(out, { fd, name: '' }, layer)
  } finally {
    fs.closeSync(fd)
  }
}

/** `a/.wh.b` hides `a/b`; `a/.wh..wh..opq` hides all that is below in `a` (OCI image spec, "Whiteouts"). */
function whiteout(name: string): TarEntry {
  const slash = name.lastIndexOf('/') + 1
  const hidden = `${name.slice(0, slash)}.wh.${name.slice(slash)}`
  return { name: hidden, type: 'file', size: 0, mode: 0, uid: 0, gid: 0, mtime: 0 }
}

/** An empty place that the engine has made to mount on is nothing of the container's. */
function isPlace(name: string, stats: fs.Stats, fd: number): boolean {
  if (!MOUNT_PLACES.has(name)) return false
  return stats.isDirectory() ? listFolder(fd).every((child) => MOUNT_PLACES.has(`${name}/${child}`)) : stats.size === 0
}

const isTmpfs = (fd: number) => fs.statfsSync(`/proc/self/fd/${fd}`).type === TMPFS

/** Whether an overlay hides what is below by this file. */
export const isWhiteout = (stats: fs.Stats): boolean => stats.isCharacterDevice() && stats.rdev === 0

/** Whether an overlay hides what is below in this folder. */
export function isOpaque(fd: number, name: string): boolean {
  return readXattr(`/proc/self/fd/${fd}`, name)?.toString() === 'y'
}

/** Names in a folder as byte strings, in order. */
export function listFolder(fd: number): string[] {
  return fs
    .readdirSync(`/proc/self/fd/${fd}`, { encoding: 'latin1' as BufferEncoding })
    .map(String)
    .sort()
}

/** A descriptor (O_PATH) of what a folder has by this name; −1 when it is gone. */
export function openChild(folder: number, name: string): number {
  try {
    const flags = O_PATH | O_NOFOLLOW
    return openat2(folder, Buffer.from(name, 'latin1'), { flags, resolve: RESOLVE_BENEATH })
  } catch (error) {
    if ((error as { errno?: number }).errno === 2) return -1
    throw error
  }
}

function factsOf({ mode, uid, gid, mtimeMs, rdev }: fs.Stats) {
  return {
    mode: mode & 0o7777,
    uid,
    gid,
    mtime: Math.floor(mtimeMs / 1000),
    major: (rdev >> 8) & 0xfff,
    minor: (rdev & 0xff) | ((rdev >> 12) & 0xfff00),
  }
}

interface Sink {
  write(bytes: Buffer): void
  flush(): void
  readonly out: number
}

/** Gathers headers and small files, so that a folder of thousands takes few writes. */
function createSink(out: number): Sink {
  const buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  let filled = 0
  const flush = () => {
    if (filled > 0) writeAll(out, buffer.subarray(0, filled))
    filled = 0
  }
  return {
    out,
    flush,
    write(bytes) {
      if (filled + bytes.length > buffer.length) flush()
      if (bytes.length > buffer.length) return writeAll(out, bytes)
      bytes.copy(buffer, filled)
      filled += bytes.length
    },
  }
}

/** A file has the size that its header said, whatever it grows or shrinks to meanwhile. */
function packFile(sink: Sink, named: number, entry: TarEntry): void {
  let fd: number
  try {
    fd = fs.openSync(`/proc/self/fd/${named}`, O_RDONLY | O_NONBLOCK)
  } catch (error) {
    // Nobody may read it, or it lies on a file system that is gone.
    throw Object.assign(error as Error, { path: Buffer.from(entry.name, 'latin1').toString() })
  }
  try {
    const capability = entry.mode & 0o111 ? readXattr(`/proc/self/fd/${named}`, CAPABILITY) : null
    sink.write(encodeTarHeader(capability ? { ...entry, xattrs: new Map([[CAPABILITY, capability]]) } : entry))
    let rest = entry.size
    if (rest < BUFFER_BYTES / 4) {
      const bytes = Buffer.allocUnsafe(rest)
      const read = rest > 0 ? readFull(fd, bytes) : 0
      sink.write(bytes.subarray(0, read))
      rest -= read
    } else {
      sink.flush()
      for (let sent = -1; rest > 0 && sent !== 0; rest -= sent)
        sent = sendFile(sink.out, fd, Math.min(rest, SEND_BYTES))
    }
    for (let missing = rest + paddedSize(entry.size) - entry.size; missing > 0; missing -= ZEROS.length)
      sink.write(ZEROS.subarray(0, Math.min(missing, ZEROS.length)))
  } finally {
    fs.closeSync(fd)
  }
}

function readFull(fd: number, into: Buffer): number {
  let filled = 0
  for (;;) {
    const part = fs.readSync(fd, into, filled, into.length - filled, null)
    filled += part
    if (part === 0 || filled === into.length) return filled
  }
}
