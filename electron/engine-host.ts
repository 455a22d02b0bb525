import { dialog } from 'electron'
import type { EngineConfig } from '../engine/config.ts'
import type { EngineEvent, Handlers } from '../engine/contract/index.ts'
import { createEngine } from '../engine/engine.ts'
import type { AppLog } from '../engine/log.ts'
import { type EngineView, lookAt, watchEngine } from './engine-watch.ts'
import type { Texts } from './texts.ts'

/** The engine as the desktop has it: starting, serving, or failed. */
export interface EngineHost {
  readonly handlers: Promise<Handlers>
  /** Does something to a container; what fails is in the log. */
  act(verb: 'start' | 'stop', id: string): void
  /** Asks the engine itself; waits for one that is starting. */
  look(): Promise<EngineView>
  watch(onEvent: (event: EngineEvent) => void, onView: (view: EngineView) => void): void
  close(options: { readonly stopContainers: boolean }): Promise<void>
}

/** Starts the engine in this process. One that cannot start says so in a dialog; the window stays, since it tells what is missing. */
export function startEngine(options: {
  readonly config: EngineConfig
  readonly log: AppLog
  readonly texts: Texts
}): EngineHost {
  const { config, texts } = options
  const { log } = options.log
  const engine = createEngine(config, log)
  const closing = new AbortController()
  const handlers = engine.then(async (running) => {
    // The window works without the socket: somebody else may hold it.
    await running.listen().catch((error: unknown) => log.error({ error: String(error) }, 'socket not served'))
    log.info({ version: config.version, mode: config.mode, root: config.root }, 'engine started')
    return running.handlers
  })
  handlers.catch((error: unknown) => {
    log.error({ error: String(error) }, 'engine not started')
    dialog.showErrorBox(texts.t('engineNotStarted'), texts.errorText(error))
  })
  return {
    handlers,
    act: (verb, id) =>
      void handlers
        .then(({ container }) => container[verb]({ id }, { signal: closing.signal }))
        .catch((error: unknown) => log.warn({ id, verb, error: String(error) }, 'action of the tray failed')),
    look: async () => lookAt(await handlers, closing.signal),
    watch: (onEvent, onView) =>
      void watchEngine({ handlers, signal: closing.signal, onEvent, onView }).catch(() => {
        // The engine did not start: there is nothing to watch.
      }),
    async close(how) {
      closing.abort()
      await (await engine).close(how)
      log.info(how, 'engine closed')
    },
  }
}
