import { EngineError } from '../../contract/errors.ts'
import { libc, libcError } from './core.ts'

const mountCall = libc.func('int mount(const char *, const char *, const char *, unsigned long, const char *)')
const umountCall = libc.func('int umount2(const char *, int)')
const MNT_DETACH = 2
const EINVAL = 22
const ENOENT = 2
const PAGE = 4096

/** Mounts an overlay. `userxattr` is what a user namespace needs (kernel 5.11). */
export function mountOverlay(options: {
  readonly lower: readonly string[]
  readonly upper: string
  readonly work: string
  readonly target: string
  readonly userxattr: boolean
}): void {
  const { lower, upper, work, target, userxattr } = options
  const data = `lowerdir=${lower.map(escapeColon).join(':')},upperdir=${upper},workdir=${work}${userxattr ? ',userxattr' : ''}`
  if (data.length >= PAGE) {
    throw new EngineError(
      'invalidArgument',
      'overlay.too-many-layers',
      `the image has ${lower.length} layers, more than one overlay mount can name`,
    )
  }
  if ((mountCall('overlay', target, 'overlay', 0, data) as number) < 0) throw libcError('mount overlay on', target)
}

/** Takes a mount away, in use or not. None there is fine. */
export function unmount(target: string): void {
  if ((umountCall(target, MNT_DETACH) as number) === 0) return
  const error = libcError('umount', target)
  if (error.errno !== EINVAL && error.errno !== ENOENT) throw error
}

function escapeColon(path: string): string {
  return path.replace(/[\\:,]/g, '\\$&')
}
