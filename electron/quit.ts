import { app, dialog } from 'electron'
import type { AppWindow } from './app-window.ts'
import { decideQuit, type QuitReason } from './quitting.ts'
import type { Requests } from './requests.ts'
import type { Settings } from './settings.ts'
import type { Texts } from './texts.ts'

export interface QuitOptions {
  readonly settings: Settings
  readonly texts: Texts
  readonly window: AppWindow
  readonly requests: Requests
  /** How many containers run; 0 while nobody knows. */
  readonly countRunning: () => number
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
  const { settings, requests, countRunning, closeEngine, onEnd } = options
  let isLeaving = false
  let isAsked = false
  let isClosed = false
  let last = () => {}

  const leave = async (stopContainers: boolean) => {
    if (isLeaving) return
    isLeaving = true
    if (stopContainers) {
      // The window stays and says so: stopping may take as long as the containers need.
      requests.send({ type: 'stopping', running: countRunning() })
      await closeEngine({ stopContainers }).catch(() => {})
      isClosed = true
      onEnd()
    }
    // Not within `before-quit`: the quit that was prevented there would take this one back, and the app stay without a window.
    setImmediate(() => app.quit())
  }
  const answer: Quit['answer'] = (choice, isRemembered) => {
    if (!isAsked) return
    isAsked = false
    if (choice === 'cancel') return
    if (isRemembered) settings.change({ quitting: choice })
    void leave(choice === 'stop')
  }
  const ask = async () => {
    isAsked = true
    if (options.window.get() && requests.isHeard()) {
      options.window.show()
      requests.send({ type: 'ask-quit', running: countRunning() })
      return
    }
    const { choice, isRemembered } = await askNatively(options.texts, countRunning())
    answer(choice, isRemembered)
  }

  app.on('before-quit', (event) => {
    if (isLeaving) return
    event.preventDefault()
    request('user')
  })
  app.on('will-quit', (event) => {
    if (isClosed) return
    event.preventDefault()
    isClosed = true
    // Containers go on: only the connection to the keeper is let go.
    void closeEngine({ stopContainers: false })
      .catch(() => {})
      .finally(() => {
        onEnd()
        last()
        app.exit()
      })
  })
  const request = (reason: QuitReason) => {
    if (isLeaving) return
    const decision = decideQuit({ reason, quitting: settings.get().quitting, running: countRunning() })
    if (decision === 'ask') void ask()
    else void leave(decision === 'stop')
  }
  const leaveForUpdate = (install: () => void) => {
    last = install
    request('update')
  }
  return { isLeaving: () => isLeaving, request, answer, leaveForUpdate }
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
