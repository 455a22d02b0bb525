import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { Page } from '@playwright/test'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  appEnvironment,
  appFolders,
  findLeaks,
  launchApp,
  makeHome,
  quitApp,
  type RunningApp,
  shutDown,
  takePicture,
  whyNoWindow,
} from '../helpers/app.ts'
import { waitUntil } from '../helpers/engine.ts'
import { type SessionBus, startSessionBus } from '../helpers/session-bus.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const electron = process.env['SLIPWAY_ELECTRON'] as string
const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : []

/** The app on a desktop of the test's own: a session bus with a tray and notifications, and folders of its own. */
describe.skipIf(whyNoWindow() !== '')('the app on the desktop', () => {
  const home = makeHome()
  let bus: SessionBus
  let running: RunningApp
  const page = (): Page => running.page
  const launch = async (...args: string[]) => {
    running = await launchApp(home, args, { DBUS_SESSION_BUS_ADDRESS: bus.address })
  }
  const invoke = (name: string, input: object) =>
    page().evaluate(
      ([target, value]) =>
        (window as unknown as { slipway: { invoke(path: unknown, input: unknown): Promise<unknown> } }).slipway.invoke(
          target,
          value,
        ),
      [name, input] as const,
    )
  const setting = (change: object) => invoke('desktop.changeSettings', change)
  const settingsFile = () => JSON.parse(readFileSync(path.join(home.base, 'user/settings.json'), 'utf8'))
  const secondLaunch = async (...args: string[]) => {
    const again = spawn(electron, [ROOT, ...sandbox, ...appFolders(home), ...args], {
      stdio: 'ignore',
      env: appEnvironment(home),
    })
    await once(again, 'exit')
  }
  const isVisible = () => running.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.isVisible())
  const closeWindow = () => running.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close())
  const row = (status: string) => page().locator(`[data-name=steady][data-status=${status}]`)
  const ended = (child: ChildProcess) => waitUntil(() => child.exitCode !== null || child.signalCode !== null)
  const runContainer = async (name: string, command: string) => {
    await page().getByTestId('nav-images').click()
    await page().getByTestId('image-run').first().click()
    await page().getByTestId('run-name').fill(name)
    await page().getByTestId('run-command').fill(command)
    await page().getByTestId('run-submit').click()
    await page().getByTestId('run-submit').waitFor({ state: 'detached' })
  }

  beforeAll(async () => {
    mkdirSync(home.base, { recursive: true })
    bus = await startSessionBus(home.session)
    await launch()
    await page().getByTestId('starter-create').first().click()
    await page().getByTestId('nav-images').getByText('1').waitFor()
    await runContainer('steady', 'sleep 1000')
    await row('running').waitFor()
  }, 60_000)
  afterAll(async () => {
    if (running) await quitApp(running)
    shutDown(home)
    await bus?.stop()
    const leaks = findLeaks(home)
    rmSync(home.base, { recursive: true, force: true })
    expect(leaks).toEqual([])
  }, 60_000)

  test('quitting asks once what becomes of the containers, and remembers; they go on, and the next start shows them', async () => {
    await setting({ quitting: 'ask' })
    const child = running.app.process()
    await running.app.evaluate(({ app }) => app.quit())
    await page().getByTestId('quit-dialog').waitFor()
    await takePicture(page(), 'quit-dialog')
    await page().getByTestId('quit-cancel').click()
    await page().getByTestId('quit-dialog').waitFor({ state: 'detached' })
    expect(settingsFile().quitting).toBe('ask')
    await closeWindow()
    await page().getByTestId('quit-remember').check()
    await page().getByTestId('quit-keep').click()
    await ended(child)
    expect(settingsFile().quitting).toBe('keep')
    await launch()
    await row('running').waitFor()
    expect(await page().getByTestId('crash-notice').count()).toBe(0)
  })

  test('closing hides the window where a tray shows the app; the tray has its state, and a second launch brings it back', async () => {
    await setting({ closing: 'tray' })
    await waitUntil(() => bus.trayItems.length > 0)
    const item = bus.trayItems.at(-1) as string
    await waitUntil(async () => JSON.stringify(await bus.trayProperty(item, 'ToolTip')).includes('1 container running'))
    await closeWindow()
    await waitUntil(async () => (await isVisible()) === false)
    await secondLaunch()
    await waitUntil(async () => (await isVisible()) === true)
    await row('running').waitFor()
  })
})
