import { expect, it } from 'vitest'
import { lastLoggedError, runtimeError } from '../../../../engine/keeper/containers/shim/runtime-error.ts'

it.each([
  [
    'runc create failed: unable to start container process: exec: "nope": executable file not found in $PATH',
    'runtime.command-not-found',
  ],
  [
    'runc create failed: unable to start container process: exec: "/x": stat /x: no such file or directory',
    'runtime.command-not-found',
  ],
  [
    'exec failed: unable to start container process: exec: "/etc/hosts": permission denied',
    'runtime.permission-denied',
  ],
  [
    'runc create failed: unable to start container process: error mounting "/gone" to rootfs: no such file or directory',
    'runtime.path-not-found',
  ],
  ['runc create failed: something else', 'runtime.failed'],
])('names what went wrong in "%s"', (text, reason) => {
  const error = runtimeError(text, 'c')
  expect(error.reason).toBe(reason)
  expect(error.message).not.toMatch(/runc create|unable to start/)
})

it('takes the last error of a log and passes over a line cut short', () => {
  expect(lastLoggedError('{"level":"error","msg":"first"}\n{"level":"warning","msg":"w"}\n{"level":"err')).toBe('first')
})
