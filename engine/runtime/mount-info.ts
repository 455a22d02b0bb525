import { EngineError } from '../contract/errors.ts'
import type { ResolvedMount } from '../store/schema.ts'

/** The mount that a path lies on, of `/proc/self/mountinfo` (proc(5)). */
interface FoundMount {
  readonly point: string
  readonly flags: readonly string[]
  /** Passes mounts on, and takes them; takes them alone. */
  readonly isShared: boolean
  readonly isSlave: boolean
}

function mountOf(mountInfo: string, path: string): FoundMount {
  let best: FoundMount = { point: '', flags: [], isShared: false, isSlave: false }
  for (const line of mountInfo.split('\n')) {
    const [, , , , escaped = '', flags = '', ...rest] = line.split(' ')
    const point = escaped.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
    const isAbove = path === point || path.startsWith(point === '/' ? '/' : `${point}/`)
    if (!point || !isAbove || point.length < best.point.length) continue
    const tags = rest.slice(0, rest.indexOf('-'))
    const has = (name: string) => tags.some((tag) => tag.startsWith(name))
    best = { point, flags: flags.split(','), isShared: has('shared:'), isSlave: has('master:') }
  }
  return best
}

/** Flags of the mount that a path lies on which a user namespace may not take away (moby `mountopts`). */
export const lockedFlags = (mountInfo: string, path: string): string[] =>
  mountOf(mountInfo, path).flags.filter((flag) => ['ro', 'nosuid', 'nodev', 'noexec'].includes(flag))

/** Whether a mount's propagation asks more of the container's root than that it is its own. */
export const reachesOut = ({ type, propagation }: Pick<ResolvedMount, 'type' | 'propagation'>): boolean =>
  type === 'bind' && !propagation.endsWith('private')

/**
 * What the container's root must be, so that its bind mounts pass on what is mounted below them as they were asked to;
 * `undefined` where none was (moby `daemon/oci_linux.go`). A source whose own mount passes nothing on is refused.
 */
export function rootPropagation(
  mounts: readonly Pick<ResolvedMount, 'type' | 'propagation' | 'hostPath'>[],
  { mountInfo, rootless }: { readonly mountInfo: string; readonly rootless: boolean },
): 'shared' | 'rslave' | undefined {
  const asked = mounts.filter(reachesOut)
  for (const { hostPath, propagation } of asked) {
    const isBothWays = propagation.endsWith('shared')
    const { point, isShared, isSlave } = mountOf(mountInfo, hostPath)
    if (isBothWays ? isShared && !rootless : isShared || isSlave) continue
    const why = isBothWays && rootless ? ': without root, nothing that a container mounts reaches this machine' : ''
    throw new EngineError(
      'invalidArgument',
      'mount.not-shared',
      `path ${hostPath} is mounted on ${point} but it is not a shared${isBothWays ? '' : ' or slave'} mount${why}`,
      { details: { path: hostPath, mount: point } },
    )
  }
  if (asked.some(({ propagation }) => propagation.endsWith('shared'))) return 'shared'
  return asked.length > 0 ? 'rslave' : undefined
}
