import { createRequire } from 'node:module'
import os from 'node:os'
import type * as Koffi from 'koffi'
import { EngineError } from '../../contract/errors.ts'

/** The FFI library. Required, not imported, because its native half cannot be bundled. */
export const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi

/** The C library, loaded once a thread. */
export const libc = koffi.load('libc.so.6')

/** Name of an errno (`ENOENT`), or `E<number>`. */
export function errnoName(number: number): string {
  return Object.entries(os.constants.errno).find(([, value]) => value === number)?.[0] ?? `E${number}`
}

/** An error for a libc call that answered below zero. */
export function libcError(call: string, subject: string, number = koffi.errno()): EngineError & { errno: number } {
  const name = errnoName(number)
  const error = new EngineError('internal', `libc.${name.toLowerCase()}`, `${call} ${subject}: ${name}`)
  return Object.assign(error, { errno: number })
}
