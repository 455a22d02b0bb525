import { app, type BrowserWindow, dialog } from 'electron'
import type { CrashReport } from '../engine/contract/desktop.ts'
import type { AppLog } from '../engine/log.ts'
import type { StartCommand } from './autostart.ts'
import type { Reports } from './crash-reports.ts'
import type { Requests } from './requests.ts'
import type { Texts } from './texts.ts'

const LOG_LINES = 60
/** A window that crashes this often in this time is not opened again by itself. */
const TRIES = 3
const TRIES_SECONDS = 60
/** An app that lived less than this is not started again by itself. */
const SETTLED_SECONDS = 10

export interface CrashOptions {
  readonly reports: Reports
  readonly log: AppLog
  readonly requests: Requests
  readonly texts: Texts
  /** Starts the app again, without what this start was asked to open. */
  readonly command: StartCommand
  readonly isLeaving: () => boolean
  readonly onEnd: () => void
}

/** Keeps a report of a crash and tells the window. */
export type NoteCrash = (what: CrashReport['what'], cause: string) => void

/** Leaves a report of whatever crashes. The app itself is started again: containers do not notice. */
export function watchCrashes(options: CrashOptions): NoteCrash {
  const { reports, log, requests } = options
  const note: NoteCrash = (what, cause) => {
    log.log.error({ what, cause: cause.split('\n')[0] }, 'crash')
    try {
      const report = reports.write({ what, cause, versions: versions(), lines: log.tail(LOG_LINES) })
      requests.send({ type: 'crashed', report })
      requests.send({ type: 'changed', what: 'reports' })
    } catch (error) {
      log.log.error({ error: String(error) }, 'report not written')
    }
  }
  let isEnding = false
  process.on('uncaughtException', (error) => {
    // Whatever the end itself throws must not begin it anew.
    if (isEnding) return
    isEnding = true
    note('app', error.stack ?? String(error))
    try {
      options.onEnd()
      // What threw may have left anything half done; the engine recovers at every start.
      const { program, args } = options.command
      if (!options.isLeaving() && process.uptime() > SETTLED_SECONDS)
        app.relaunch({ execPath: program, args: [...args] })
    } finally {
      app.exit(1)
    }
  })
  process.on('unhandledRejection', (error) => note('app', (error instanceof Error && error.stack) || String(error)))
  app.on('child-process-gone', (_event, { type, reason, exitCode, name }) => {
    if (options.isLeaving() || reason === 'clean-exit' || reason === 'killed') return
    note('helper', `${type} ${name ?? ''}: ${reason}, exit code ${exitCode}`)
  })
  return note
}

/** Opens the page of a window again when its process is gone. */
export function reopenAfterCrash(window: BrowserWindow, options: CrashOptions, note: NoteCrash): void {
  let crashes: number[] = []
  window.webContents.on('render-process-gone', (_event, { reason, exitCode }) => {
    if (options.isLeaving() || reason === 'clean-exit' || window.isDestroyed()) return
    note('window', `The window's process is gone: ${reason}, exit code ${exitCode}`)
    const now = process.uptime()
    crashes = [...crashes.filter((time) => now - time < TRIES_SECONDS), now]
    if (crashes.length < TRIES) setImmediate(() => !window.isDestroyed() && window.webContents.reload())
    else void askToGoOn(window, options.texts)
  })
}

async function askToGoOn(window: BrowserWindow, { t }: Texts): Promise<void> {
  const { response } = await dialog.showMessageBox({
    type: 'error',
    title: 'Slipway',
    message: t('crash.again'),
    detail: t('crash.againText'),
    buttons: [t('crash.reopen'), t('menu.quit')],
    defaultId: 0,
  })
  if (response === 1) app.quit()
  else if (!window.isDestroyed()) window.webContents.reload()
}

const versions = (): Readonly<Record<string, string>> => ({
  version: app.getVersion(),
  electron: process.versions.electron ?? '',
  kernel: process.getSystemVersion(),
  display: process.env['XDG_SESSION_TYPE'] ?? '',
})
