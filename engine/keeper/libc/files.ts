import { libc, libcError } from './core.ts'

const c = {
  chroot: libc.func('int chroot(const char *)'),
  mknod: libc.func('int mknod(const char *, unsigned int, unsigned long)'),
  lsetxattr: libc.func('int lsetxattr(const char *, const char *, const void *, size_t, int)'),
}
export const S_IFCHR = 0o020000
export const S_IFBLK = 0o060000
export const S_IFIFO = 0o010000

/** Makes a folder the root of this process, for good. */
export function enterRoot(folder: string): void {
  if ((c.chroot(folder) as number) < 0) throw libcError('chroot', folder)
  process.chdir('/')
}

/** A device number as the kernel packs it. */
export function makeDevice(major: number, minor: number): number {
  return ((major & 0xfff) << 8) | (minor & 0xff) | ((minor & ~0xff) << 12)
}

/** Makes a special file: device, fifo, or the 0:0 character device that is an overlay whiteout. */
export function makeNode(path: string, mode: number, device: number): void {
  if ((c.mknod(path, mode, device) as number) < 0) throw libcError('mknod', path)
}

/** Sets an extended attribute without following a link. */
export function setXattr(path: string, name: string, value: Uint8Array): void {
  if ((c.lsetxattr(path, name, value, value.length, 0) as number) < 0) throw libcError(`lsetxattr ${name} on`, path)
}
