import { openSync } from 'node:fs'
import { koffi, libc, libcError } from './core.ts'

const LOCK_EX = 2
const LOCK_NB = 4
const flock = libc.func('int flock(int fd, int operation)')

/**
 * Takes a lock file for as long as this process lives; the kernel lets go of it whatever ends the process.
 * Answers false when another process holds it.
 */
export function takeLock(file: string): boolean {
  const descriptor = openSync(file, 'a', 0o600)
  if (flock(descriptor, LOCK_EX | LOCK_NB) === 0) return true
  if (koffi.errno() === koffi.os.errno['EAGAIN']) return false
  throw libcError('flock', file)
}
