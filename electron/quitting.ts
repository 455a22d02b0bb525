import type { DesktopSettings } from '../engine/contract/desktop.ts'

/** Why the app should end: a person asked, the session or a signal did, or an update is put in place. */
export type QuitReason = 'user' | 'session' | 'update'
/** What becomes of the containers, or that a person must be asked. */
export type QuitDecision = 'keep' | 'stop' | 'ask'

/** Decides what quitting does. Only a person is ever asked, and only while something runs: a session that ends waits for nobody. */
export function decideQuit(options: {
  readonly reason: QuitReason
  readonly quitting: DesktopSettings['quitting']
  readonly running: number
}): QuitDecision {
  const { reason, quitting, running } = options
  if (reason !== 'user' || running === 0) return 'keep'
  return quitting
}

/** What closing the window does: without a tray that shows the app, nobody would find it again, so it quits. */
export function decideClose(options: {
  readonly closing: DesktopSettings['closing']
  readonly hasTray: boolean
}): 'hide' | 'quit' {
  return options.closing === 'tray' && options.hasTray ? 'hide' : 'quit'
}
