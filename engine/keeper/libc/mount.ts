import fs from 'node:fs'
import { EngineError } from '../../contract/errors.ts'
import { koffi, libc, libcError } from './core.ts'

const mountCall = libc.func('int mount(const char *, const char *, const char *, unsigned long, const char *)')
const umountCall = libc.func('int umount2(const char *, int)')
const mountSetattr = libc.func('syscall', 'long', ['long', 'int', 'const char *', 'int', 'const void *', 'size_t'])
/** Same number on every architecture. */
const SYS_mount_setattr = 442
const AT_FDCWD = -100
const AT_RECURSIVE = 0x8000
const MNT_DETACH = 2
/** Flags of mount(2). */
export const MS_RDONLY = 1
export const MS_NOSUID = 2
export const MS_NODEV = 4
export const MS_NOEXEC = 8
export const MS_BIND = 4096
export const MS_REC = 16384
export const MS_SLAVE = 1 << 19
const EINVAL = 22
const ENOENT = 2
const PAGE = 4096
const O_PATH = 0o10000000

export interface OverlayOptions {
  /** Highest layer first. */
  readonly lower: readonly string[]
  /** `''` for both: the mount is read-only. */
  readonly upper: string
  readonly work: string
  readonly target: string
  /** What a user namespace needs (kernel 5.11). */
  readonly userxattr: boolean
}

/**
 * Mounts an overlay. The kernel takes one page of options: where the layers' paths do not fit, the layers are opened
 * and named by their descriptors, which is enough for some 200 of them.
 */
export function mountOverlay(options: OverlayOptions): void {
  const plain = describeOverlay(options, options.lower.map(escapePath))
  if (plain.length < PAGE) {
    mountLayers(options.target, plain)
    return
  }
  const descriptors: number[] = []
  try {
    for (const folder of options.lower) descriptors.push(fs.openSync(folder, O_PATH | fs.constants.O_DIRECTORY))
    const short = describeOverlay(
      options,
      descriptors.map((fd) => `/proc/self/fd/${fd}`),
    )
    if (short.length >= PAGE) {
      throw new EngineError(
        'invalidArgument',
        'overlay.too-many-layers',
        `the image has ${options.lower.length} layers, more than one overlay mount can name`,
      )
    }
    mountLayers(options.target, short)
  } finally {
    for (const fd of descriptors) fs.closeSync(fd)
  }
}

function describeOverlay({ upper, work, userxattr }: OverlayOptions, lower: readonly string[]): string {
  const own = upper === '' ? '' : `,upperdir=${escapePath(upper)},workdir=${escapePath(work)}`
  const folders = `lowerdir=${lower.join(':')}${own}`
  return userxattr ? `${folders},userxattr` : folders
}

function mountLayers(target: string, data: string): void {
  if ((mountCall('overlay', target, 'overlay', 0, data) as number) < 0) throw libcError('mount overlay on', target)
}

/** Mounts a tmpfs for shared memory. */
export function mountTmpfs(target: string, data: string): void {
  if ((mountCall('shm', target, 'tmpfs', MS_NOSUID | MS_NODEV | MS_NOEXEC, data) as number) < 0)
    throw libcError('mount tmpfs on', target)
}

/** Mounts what a path leads to, and what is mounted below it, once more. */
export function bindMount(source: string, target: string): void {
  if ((mountCall(source, target, '', MS_BIND | MS_REC, null) as number) < 0) throw libcError('bind mount on', target)
}

/** Any file system: mount(2) as it is. Answers the errno, 0 where it is mounted. */
export function mountFileSystem(
  { device, target, type }: { readonly device: string; readonly target: string; readonly type: string },
  flags: number,
  data: string,
): number {
  return (mountCall(device, target, type, flags, data) as number) < 0 ? koffi.errno() : 0
}

/** Whether a mount, and what is mounted below it, passes mounts on and takes them: one of mount(2)'s flags for that. */
export function setPropagation(target: string, flags: number): void {
  if ((mountCall('', target, '', flags, null) as number) < 0) throw libcError('change propagation of', target)
}

/**
 * Takes rights away from a mount, and from what is mounted below it (mount_setattr(2), Linux 5.12). Its flags for
 * read-only, no set-uid, no devices and no programs are those of mount(2).
 */
export function restrictMount(target: string, flags: number): void {
  const attributes = Buffer.alloc(32)
  attributes.writeBigUInt64LE(BigInt(flags & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)), 0)
  if (Number(mountSetattr(SYS_mount_setattr, AT_FDCWD, target, AT_RECURSIVE, attributes, attributes.length)) < 0)
    throw libcError('mount_setattr', target)
}

/** Takes a mount away, in use or not; answers whether there was one. */
export function unmount(target: string): boolean {
  if ((umountCall(target, MNT_DETACH) as number) === 0) return true
  const error = libcError('umount', target)
  if (error.errno !== EINVAL && error.errno !== ENOENT) throw error
  return false
}

function escapePath(path: string): string {
  return path.replace(/[\\:,]/g, '\\$&')
}
