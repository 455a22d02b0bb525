import { closeSync, openSync } from 'node:fs'
import { enterNetworkNamespace, makeNetworkNamespace } from '../../libc/listen.ts'
import { bindMount } from '../../libc/mount.ts'
import { openRouteSocket, type RouteSocket } from '../../libc/rtnetlink.ts'

/** Where bridges are, and the sandbox thread's own place. */
export interface Home {
  readonly home: RouteSocket
  readonly homeFd: number
}

/** The two ends of the work: where bridges are, and a container's namespace, which `netnsFd` names. */
export interface Ends extends Home {
  readonly inside: RouteSocket
  readonly netnsFd: number
}

/** The thread could not come back from a container's namespace. */
export class Astray extends Error {}

/** Works on the namespace that a file names; on a new one, which is bound to the file first. The thread is home meanwhile. */
export function workInside<T>(
  at: Home,
  { netnsPath, isNew }: { readonly netnsPath: string; readonly isNew: boolean },
  work: (ends: Ends) => T,
): T {
  const inside = visit(at.homeFd, () => {
    if (isNew) {
      makeNetworkNamespace()
      bindMount('/proc/thread-self/ns/net', netnsPath)
    } else withFile(netnsPath, enterNetworkNamespace)
    return openRouteSocket()
  })
  try {
    return withFile(netnsPath, (netnsFd) => work({ ...at, inside, netnsFd }))
  } finally {
    inside.close()
  }
}

/** For what has to be done in another namespace; the thread is home again afterwards. */
export function visit<T>(homeFd: number, work: () => T): T {
  try {
    return work()
  } finally {
    goHome(homeFd)
  }
}

function goHome(homeFd: number): void {
  try {
    enterNetworkNamespace(homeFd)
  } catch (cause) {
    throw new Astray('the sandbox thread cannot come back from a container’s namespace', { cause })
  }
}

/** Opens a file for as long as it is used. */
export function withFile<T>(file: string, use: (fd: number) => T): T {
  const fd = openSync(file, 'r')
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}
