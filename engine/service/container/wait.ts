import type { ServiceContext } from '../context.ts'
import { findContainer } from './find.ts'
import { goesOn } from './state.ts'

/** Waits until a container has no process and none is planned; answers its exit code. */
export async function waitForExit(
  context: Pick<ServiceContext, 'containers' | 'bus'>,
  ref: string,
  signal?: AbortSignal,
): Promise<{ exitCode: number }> {
  const { id } = findContainer(context.containers, ref)
  const done = () => {
    const state = context.containers.get(id)?.state
    return !state || !goesOn(state.status)
  }
  let exitCode = context.containers.get(id)?.state.exitCode ?? 0
  if (done()) return { exitCode }
  const stop = new AbortController()
  signal?.addEventListener('abort', () => stop.abort(), { once: true })
  for await (const event of context.bus.subscribe(stop.signal)) {
    if (event.id !== id) continue
    if (event.action === 'die') exitCode = Number(event.attributes['exitCode'] ?? 0)
    if (done()) break
  }
  return { exitCode: context.containers.get(id)?.state.exitCode ?? exitCode }
}
