import { readdirSync } from 'node:fs'
import { libc } from '../keeper/libc/core.ts'

const F_GETFD = 1
const F_SETFD = 2
const FD_CLOEXEC = 1
const fcntl = libc.func('int fcntl(int, int, ...)')

/**
 * Starts a process that gets none of this one's open files but those that `start` hands it. Node closes what it has
 * opened itself, but Electron leaves its own resources open to whoever it starts, and the runtime of an AppImage the
 * folder that it has mounted, as descriptor 1023, and a pipe that it watches for the end of the app: a keeper that had
 * them would hold the mount for as long as it lives.
 */
export function withoutInheritance<Started>(start: () => Started): Started {
  // The folder's own descriptor is among them and closed by now: it cannot be marked.
  const open = readdirSync('/proc/self/fd').map(Number)
  const marked = open.filter((fd) => {
    if (fd <= 2) return false
    const flags = fcntl(fd, F_GETFD) as number
    return flags >= 0 && (flags & FD_CLOEXEC) === 0 && (fcntl(fd, F_SETFD, 'int', flags | FD_CLOEXEC) as number) === 0
  })
  try {
    return start()
  } finally {
    // Others of this process may hand theirs on: Chromium does.
    for (const fd of marked) fcntl(fd, F_SETFD, 'int', 0)
  }
}
