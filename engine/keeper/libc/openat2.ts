import { koffi, libc, libcError } from './core.ts'

/** Same number on every architecture (Linux 5.6). */
const SYS_openat2 = 437
const O_CLOEXEC = 0o2000000
const syscall = libc.func('syscall', 'long', ['long', 'int', 'const void *', 'const void *', 'size_t'])

/** Names a thing without opening it. */
export const O_PATH = 0o10000000
/** How far resolution may go (openat2(2)). */
export const RESOLVE_NO_MAGICLINKS = 0x02
export const RESOLVE_NO_SYMLINKS = 0x04
export const RESOLVE_BENEATH = 0x08
export const RESOLVE_IN_ROOT = 0x10

/** Opens a path below a folder's descriptor, resolved by the kernel within the bounds of `resolve`. Errors carry `errno`. */
export function openat2(
  folder: number,
  path: Buffer | string,
  how: { readonly flags: number; readonly resolve: number },
): number {
  const bytes = Buffer.concat([typeof path === 'string' ? Buffer.from(path) : path, Buffer.of(0)])
  const block = Buffer.alloc(24)
  block.writeBigUInt64LE(BigInt(how.flags | O_CLOEXEC), 0)
  block.writeBigUInt64LE(BigInt(how.resolve), 16)
  const fd = Number(syscall(SYS_openat2, folder, bytes, block, block.length))
  if (fd < 0) throw libcError('openat2', String(path), koffi.errno())
  return fd
}
