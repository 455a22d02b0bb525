import { app, dialog } from 'electron'
import type { AppLog } from '../engine/log.ts'
import type { AppWindow } from './app-window.ts'
import { decideQuit, type QuitReason } from './quitting.ts'
import type { Requests } from './requests.ts'
import type { Settings } from './settings.ts'
import type { Texts } from './texts.ts'

/** Letting go of the engine takes no longer; an engine that hangs at its start must not keep the app from ending. */
const KEEP_TIMEOUT_MS = 10_000

export interface QuitOptions {
  readonly settings: Settings
  readonly texts: Texts
  readonly log: AppLog
  readonly window: AppWindow
  readonly requests: Requests
  /** How many containers run at this moment; 0 while nobody knows. Never fails. */
  readonly countRunning: () => Promise<number>
  readonly closeEngine: (options: { readonly stopContainers: boolean }) => Promise<void>
  /** The app ends properly now. */
  readonly onEnd: () => void
}

/** The ways out of the app. */
export interface Quit {
  isLeaving(): boolean
  request(reason: QuitReason): void
  /** The window's answer to `ask-quit`. */
  answer(answer: 'keep' | 'stop' | 'cancel', isRemembered: boolean): void
  /** Lets go of the engine, containers going on, then does the last thing that the app does. */
  leaveForUpdate(last: () => void): void
}

/** Asks where a person must be asked, lets go of the engine, and ends the app. */
export function createQuit(options: QuitOptions): Quit {
  const { settings, requests } = options
  const { log } = options.log
  let state: 'stays' | 'stopping' | 'leaving' = 'stays'
  let running = 0
  let isCounting = false
  let isAsked = false
  let isAskedNatively = false
  let isClosed = false
  let last = () => {}

  /** Nothing that fails on the way out keeps the app from ending. */
  const attempt = (work: () => void, failure: string) => {
    try {
      work()
    } catch (error) {
      log.error({ error: String(error) }, failure)
    }
  }
  const closeEngine = (stopContainers: boolean) =>
    options
      .closeEngine({ stopContainers })
      .catch((error: unknown) => log.error({ error: String(error) }, 'engine not closed'))
  const end = () => {
    isClosed = true
    attempt(options.onEnd, 'mark of the session not removed')
    attempt(last, 'last step not done')
    app.exit()
  }
  const leave = async (stopContainers: boolean) => {
    if (state !== 'stays') return
    state = stopContainers ? 'stopping' : 'leaving'
    if (stopContainers) {
      // The window stays and says so: stopping may take as long as the containers need.
      requests.send({ type: 'stopping', running })
      await closeEngine(true)
      isClosed = true
      attempt(options.onEnd, 'mark of the session not removed')
    }
    // Not within `before-quit`: the quit that was prevented there would take this one back, and the app stay without a window.
    setImmediate(() => app.quit())
  }
  const answer: Quit['answer'] = (choice, isRemembered) => {
    if (!isAsked || state !== 'stays') return
    isAsked = false
    if (choice === 'cancel') return
    if (isRemembered) attempt(() => settings.change({ quitting: choice }), 'answer not remembered')
    void leave(choice === 'stop')
  }
  const ask = async () => {
    if (isAskedNatively) return
    isAsked = true
    if (options.window.get() && requests.isHeard()) {
      options.window.show()
      requests.send({ type: 'ask-quit', running })
      return
    }
    isAskedNatively = true
    try {
      const { choice, isRemembered } = await askNatively(options.texts, running)
      answer(choice, isRemembered)
    } finally {
      isAskedNatively = false
    }
  }
  const decide = (reason: QuitReason) => {
    if (state !== 'stays') return
    const decision = decideQuit({ reason, quitting: settings.get().quitting, running })
    if (decision === 'ask') void ask()
    else void leave(decision === 'stop')
  }
  const request = async (reason: QuitReason) => {
    // A session that ends does not wait for containers that are slow to stop: they go on.
    if (state === 'stopping' && reason === 'session') return end()
    if (reason !== 'user') return decide(reason)
    if (isCounting) return
    isCounting = true
    // What was seen last may be a moment old, and a container that has just started would go unasked for.
    running = await options.countRunning()
    isCounting = false
    decide(reason)
  }

  app.on('before-quit', (event) => {
    if (isClosed || state === 'leaving') return
    event.preventDefault()
    void request('user')
  })
  app.on('will-quit', (event) => {
    if (isClosed) return
    event.preventDefault()
    isClosed = true
    // Containers go on: only the connection to the keeper is let go.
    void Promise.race([closeEngine(false), afterTimeout(() => log.error({}, 'engine not closed in time'))]).finally(end)
  })
  return {
    isLeaving: () => state !== 'stays',
    request: (reason) => void request(reason),
    answer,
    leaveForUpdate(install) {
      last = install
      void request('update')
    },
  }
}

function afterTimeout(onTimeout: () => void): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(() => {
      onTimeout()
      resolve()
    }, KEEP_TIMEOUT_MS).unref()
  })
}

/** The same question when no window can ask it. */
async function askNatively({ t }: Texts, running: number) {
  const choices = ['keep', 'stop', 'cancel'] as const
  const { response, checkboxChecked } = await dialog.showMessageBox({
    type: 'question',
    title: 'Slipway',
    message: t('quit.title'),
    detail: t('quit.text', { count: running }),
    buttons: [t('quit.keep'), t('quit.stop'), t('cancel')],
    defaultId: 0,
    cancelId: 2,
    checkboxLabel: t('quit.remember'),
  })
  return { choice: choices[response] ?? ('cancel' as const), isRemembered: checkboxChecked }
}
