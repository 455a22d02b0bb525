import assert from 'node:assert/strict'
import type { ContainerDetail } from '../../../engine/contract/container.ts'
import { type NetworkTest, startNetworkTest } from '../../helpers/containers.ts'

const WAIT_MS = 60_000
const STEP_MS = 50
const context = { signal: new AbortController().signal }

let running: Promise<NetworkTest> | undefined

/** The one engine of a group's process; it ends with the guest. */
export const engine = (): Promise<NetworkTest> => (running ??= startNetworkTest().then(withoutFilter))

/** Compiling the filter of system calls takes seconds in an emulated machine, and is tried elsewhere. */
function withoutFilter(test: NetworkTest): NetworkTest {
  const bare = (input: Record<string, unknown> = {}) => ({ securityOptions: ['seccomp=unconfined'], ...input })
  return {
    ...test,
    create: (input) => test.create(bare(input)),
    run: (input) => test.run(bare(input)),
    shell: (script, input) => test.shell(script, bare(input)),
  }
}

/** Calls an engine's handlers with a context that is never cancelled. */
export async function call<T>(
  work: (handlers: ReturnType<NetworkTest['handlers']>, options: typeof context) => T,
): Promise<Awaited<T>> {
  return await work((await engine()).handlers(), context)
}

/** Polls a fact until it holds, a minute at most: an emulated machine is slow. */
export async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = Date.now() + WAIT_MS
  while (Date.now() < deadline) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, STEP_MS))
  }
  assert.fail(`${what} did not come true within a minute`)
}

/** Waits until a container has ended; answers with how. */
export async function ended(id: string): Promise<ContainerDetail> {
  const { inspect } = await engine()
  await call((handlers, options) => handlers.container.wait({ id }, options))
  return inspect(id)
}

/** What a container printed. */
export async function printed(id: string): Promise<string> {
  const { lines } = await call((handlers, options) =>
    handlers.container.logWindow({ id, tail: 1000, search: '' }, options),
  )
  return lines.map(({ text }) => text).join('\n')
}
