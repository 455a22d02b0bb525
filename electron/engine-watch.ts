import type { ContainerSummary, EngineEvent, Handlers } from '../engine/contract/index.ts'
import { sleep } from '../engine/lib/async.ts'

/** What the desktop shows of the engine outside of the window. */
export interface EngineView {
  readonly containers: readonly ContainerSummary[]
  readonly running: number
}

export const NOTHING: EngineView = { containers: [], running: 0 }
const RETRY_MS = 500
/** A burst of events is one look at the list. */
const GATHER_MS = 50

/** What there is now. */
export async function lookAt(handlers: Handlers, signal: AbortSignal): Promise<EngineView> {
  const containers = await handlers.container.list({ all: true }, { signal })
  return { containers, running: containers.filter(isRunning).length }
}

/** Follows the engine's events: each one by itself, and what there is after them. Ends with `signal`. */
export async function watchEngine(options: {
  readonly handlers: Promise<Handlers>
  readonly signal: AbortSignal
  readonly onEvent: (event: EngineEvent) => void
  readonly onView: (view: EngineView) => void
}): Promise<void> {
  const { signal, onEvent, onView } = options
  const handlers = await options.handlers
  const context = { signal }
  const lookSoon = gather(() => void lookAt(handlers, signal).then(onView, () => {}))
  while (!signal.aborted) {
    try {
      const events = handlers.system.events({}, { ...context, up: nobody() })
      // After the first step of the loop below, so that nothing happens unseen between the two.
      lookSoon()
      for await (const event of events) {
        onEvent(event)
        if (event.type === 'container') lookSoon()
      }
    } catch {
      // Fallen behind: begin again.
    }
    await sleep(RETRY_MS, signal)
  }
}

/** Whether quitting would leave it going, or stop it. */
export const isRunning = ({ status }: Pick<ContainerSummary, 'status'>): boolean =>
  status === 'running' || status === 'paused' || status === 'restarting'

function gather(work: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  return () => {
    if (timer) return
    timer = setTimeout(() => {
      timer = undefined
      work()
    }, GATHER_MS)
  }
}

async function* nobody(): AsyncGenerator<never> {}
