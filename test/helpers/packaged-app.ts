import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { type Browser, chromium, type Page } from '@playwright/test'
import { waitUntil } from './engine.ts'

/** An app from a package. Its fuses let no driver in: its page is reached as a browser's is. */
export interface PackagedApp {
  readonly process: ChildProcess
  readonly page: Page
  /** Ends it as a session does that is logged out of; containers go on. */
  quit(): Promise<void>
}

/** Starts it and waits until its engine serves. `start` is given options for its command line, `userData` is its `--user-data-dir`. */
export async function launchPackaged(
  start: (...args: string[]) => ChildProcess,
  userData: string,
): Promise<PackagedApp> {
  const portFile = path.join(userData, 'DevToolsActivePort')
  rmSync(portFile, { force: true })
  const app = start('--remote-debugging-port=0')
  let browser: Browser | undefined
  const quit = async () => {
    await browser?.close()
    app.kill('SIGTERM')
    if (app.exitCode === null && app.signalCode === null) await once(app, 'exit')
  }
  try {
    await waitUntil(() => existsSync(portFile) && readFileSync(portFile, 'utf8').includes('\n'), 'the app’s start')
    browser = await chromium.connectOverCDP(`http://127.0.0.1:${readFileSync(portFile, 'utf8').split('\n')[0]}`)
    const [context] = browser.contexts()
    await waitUntil(() => context?.pages().length === 1, 'the window')
    const page = context?.pages()[0] as Page
    page.setDefaultTimeout(15_000)
    await page.locator('[data-testid=engine-state][data-ready=true]').waitFor()
    return { process: app, page, quit }
  } catch (error) {
    await quit()
    throw error
  }
}
