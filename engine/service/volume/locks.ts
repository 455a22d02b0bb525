import type { ServiceContext } from '../context.ts'

/**
 * Does work while nobody else makes or removes these volumes: each has a lock of its own, so that a plugin that takes
 * its time over one keeps nobody from the others. They come before the locks of containers.
 */
export function withVolumeLocks<T>(
  { locks }: Pick<ServiceContext, 'locks'>,
  names: readonly string[],
  work: () => Promise<T>,
): Promise<T> {
  // In one order for everybody: two that want the same ones do not wait for each other.
  const [...sorted] = [...new Set(names)].sort()
  return sorted.reduceRight<() => Promise<T>>((inner, name) => () => locks.withLock(`volume:${name}`, inner), work)()
}
