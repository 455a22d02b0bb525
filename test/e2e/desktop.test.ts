import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  appEnvironment,
  appFolders,
  launchApp,
  leaveNothing,
  makeHome,
  makeStarter,
  type RunningApp,
  startApp,
  takePicture,
  whyNoWindow,
  windowOf,
} from '../helpers/app.ts'
import { waitUntil } from '../helpers/engine.ts'
import { type SessionBus, startSessionBus } from '../helpers/session-bus.ts'
import { askApi } from '../helpers/survival/api.ts'

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
  /** As a second launch of the app hands its arguments on. */
  const handOn = (...args: string[]) =>
    running.app.evaluate(({ app }, argv) => void app.emit('second-instance', {}, argv, '/'), [electron, ...args])
  const isVisible = () => running.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.isVisible())
  const closeWindow = () => running.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.close())
  const row = (status: string) => page().locator(`[data-name=steady][data-status=${status}]`)
  const ended = (child: ChildProcess) => waitUntil(() => child.exitCode !== null || child.signalCode !== null)
  const troubles = () => page().locator('[data-testid=activity][data-title="broken failed"][data-state=failed]')
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
    await makeStarter(page())
    await runContainer('steady', 'sh -c "trap exit TERM; while :; do sleep 0.2; done"')
    await row('running').waitFor()
  }, 60_000)
  afterAll(async () => {
    await leaveNothing(home, running, () => bus?.stop())
  }, 60_000)

  test('quitting asks once what becomes of the containers, and remembers; they go on, and the next start shows them', async () => {
    await setting({ quitting: 'ask' })
    const child = running.app.process()
    // By the palette, as by the menu.
    await page().keyboard.press('Control+k')
    await page().getByTestId('palette').fill('quit slipway')
    await page().keyboard.press('Enter')
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

  test('the application menu has what the app can do, and each of its items does it', async () => {
    const labels = await running.app.evaluate(({ Menu }) =>
      (Menu.getApplicationMenu()?.items ?? []).map(({ label, submenu }) => [
        label,
        ...(submenu?.items ?? []).filter(({ type }) => type !== 'separator').map((item) => item.label),
      ]),
    )
    expect(labels.map(([title]) => title)).toEqual(['File', 'Edit', 'View', 'Go', 'Help'])
    const [file, , , go, help] = labels
    expect(file).toEqual([
      ...[
        'File',
        'Run a container…',
        'Pull an image…',
        'Import an archive…',
        'Settings',
        'Close window',
        'Quit Slipway',
      ],
    ])
    const pages = [
      'Containers',
      'Images',
      'Volumes',
      'Networks',
      'Topology',
      'Registries',
      'Disk',
      'Activity',
      'Settings',
    ]
    expect(go?.slice(2)).toEqual(pages)
    expect(help?.at(-1)).toMatch(/^Slipway \d/)
    const click = (title: string, label: string) =>
      running.app.evaluate(
        ({ Menu }, [menu, item]) => {
          const found = Menu.getApplicationMenu()?.items.find((one) => one.label === menu)
          found?.submenu?.items.find((one) => one.label === item)?.click()
        },
        [title, label] as const,
      )
    for (const [item, field] of [
      ['Run a container…', 'run-name'],
      ['Pull an image…', 'pull-name'],
    ] as const) {
      await click('File', item)
      await page().getByTestId(field).waitFor()
      await page().keyboard.press('Escape')
      await page().getByTestId(field).waitFor({ state: 'detached' })
    }
    for (const name of pages) {
      await click('Go', name)
      await page().getByRole('heading', { name, exact: true, level: 1 }).waitFor()
    }
    await click('Help', 'System check')
    await page().getByTestId('check').first().waitFor()
    await click('Go', 'Containers')
  })

  test('the theme of the system is followed while none is chosen', async () => {
    const shown = (scheme: string) => page().locator(`html[data-mantine-color-scheme=${scheme}]`).waitFor()
    await setting({ theme: 'system' })
    for (const scheme of ['dark', 'light', 'dark'] as const) {
      await page().emulateMedia({ colorScheme: scheme })
      await shown(scheme)
    }
    const choose = async (name: string) => {
      await page().getByTestId('nav-settings').click()
      await page().getByTestId('settings-general').click()
      await page().getByTestId('theme').getByText(name, { exact: true }).click()
    }
    await choose('Light')
    await shown('light')
    expect(await running.app.evaluate(({ nativeTheme }) => nativeTheme.themeSource)).toBe('light')
    await choose('As the system')
    await shown('dark')
    expect(await running.app.evaluate(({ nativeTheme }) => nativeTheme.themeSource)).toBe('system')
    await page().getByTestId('nav-containers').click()
    await page().emulateMedia({ colorScheme: null })
  })

  test('a container that fails while nobody looks is told of, and a click opens it; one that was stopped is not', async () => {
    await runContainer('stopped', 'sleep 1000')
    await runContainer('broken', 'sh -c "sleep 2; exit 7"')
    await page().locator('[data-name=broken][data-status=running]').waitFor()
    await running.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.hide())
    await invoke('container.kill', { id: 'stopped' })
    await waitUntil(() => bus.notifications.some(({ title }) => title === 'broken failed'))
    expect(bus.notifications.map(({ title }) => title)).toEqual(['broken failed'])
    expect(bus.notifications[0]?.text).toBe('The container exited with code 7.')
    bus.click(bus.notifications[0] as (typeof bus.notifications)[number])
    await waitUntil(async () => (await isVisible()) === true)
    await page()
      .locator('[data-testid=detail-pane][data-name=broken]')
      .or(page().getByRole('heading', { name: 'broken' }))
      .first()
      .waitFor()
    await page().getByTestId('nav-activity').click()
    await troubles().waitFor()
    expect(await troubles().innerText()).toContain('The container exited with code 7.')
    await troubles().getByTestId('step-container').click()
    await page().getByRole('heading', { name: 'broken' }).waitFor()
    expect(await page().locator('[data-testid=activity]').count()).toBe(0)
    await invoke('container.remove', { id: 'broken', force: true })
    await invoke('container.remove', { id: 'stopped', force: true })
  })

  test('who wants to hear nothing of failures is told of none', async () => {
    // The window's list has every failure, whoever is told of it.
    const isKept = (name: string) =>
      readFileSync(path.join(home.base, 'user/activity.json'), 'utf8').includes(`${name} failed`)
    const failHidden = async (name: string) => {
      await runContainer(name, 'sh -c "sleep 2; exit 7"')
      await page().locator(`[data-name=${name}][data-status=running]`).waitFor()
      await running.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.hide())
      await waitUntil(() => isKept(name), `the failure of ${name}`)
      await secondLaunch()
      await waitUntil(async () => (await isVisible()) === true)
    }
    const before = bus.notifications.length
    await setting({ notifications: { failed: false } })
    await failHidden('silent')
    await setting({ notifications: { failed: true } })
    await failHidden('loud')
    // What is told of later comes after what would have been told of before.
    await waitUntil(() => bus.notifications.length > before)
    expect(bus.notifications.slice(before).map(({ title }) => title)).toEqual(['loud failed'])
    for (const id of ['silent', 'loud']) await invoke('container.remove', { id, force: true })
  })

  test('links of other programs show things and fill in dialogs; nothing is run or fetched, and nonsense is ignored', async () => {
    await secondLaunch('slipway://container/steady')
    await page().getByRole('heading', { name: 'steady' }).waitFor()
    await handOn('slipway://run?image=nothere:1')
    await page().getByTestId('link-note').waitFor()
    await page().getByTestId('run-missing').waitFor()
    await takePicture(page(), 'link-run')
    await page().keyboard.press('Escape')
    await handOn('slipway://pull?image=localhost:1/x', 'slipway://remove/steady')
    await page().getByTestId('pull-name').waitFor()
    expect(await page().getByTestId('pull-name').inputValue()).toBe('localhost:1/x')
    await page().keyboard.press('Escape')
    await handOn('slipway://container/nobody')
    await page().locator('[data-testid=activity][data-state=failed]').filter({ hasText: 'nobody' }).waitFor()
    const { value } = (await invoke('container.list', {})) as { value: readonly unknown[] }
    expect(value).toHaveLength(1)
  })

  test('a window that crashes is opened again and says so, and a report is written', async () => {
    await running.app.evaluate(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0]?.webContents.forcefullyCrashRenderer(),
    )
    await waitUntil(() => existsSync(path.join(home.root, 'crashes')))
    await waitUntil(async () => {
      const text = await running.app.evaluate(({ BrowserWindow }) =>
        // A renderer that is gone never answers.
        Promise.race([
          BrowserWindow.getAllWindows()[0]?.webContents.executeJavaScript(
            "document.querySelector('[data-testid=crash-notice]')?.dataset.what ?? ''",
          ),
          new Promise((resolve) => setTimeout(resolve, 1000)),
        ]),
      )
      return text === 'window'
    })
    const [report = ''] = readdirSync(path.join(home.root, 'crashes'))
    expect(readFileSync(path.join(home.root, 'crashes', report), 'utf8')).toMatch(/what: +window[\s\S]*process is gone/)
  })

  test('an app that was killed says so at the next start; its reports can be read; the container has not noticed', async () => {
    const child = running.app.process()
    child.kill('SIGKILL')
    await ended(child)
    await launch()
    await page().locator('[data-testid=crash-notice][data-what=ended]').waitFor()
    await row('running').waitFor()
    await takePicture(page(), 'crash-notice')
    await page().getByTestId('crash-dismiss').click()
    await page().getByTestId('nav-settings').click()
    await page().getByTestId('settings-log').click()
    await page().getByTestId('app-log-line').filter({ hasText: 'engine started' }).first().waitFor()
    await page().getByTestId('log-tab').getByText('Crash reports').click()
    await page().locator('[data-testid=crash-report][data-what=ended]').waitFor()
    await page().locator('[data-testid=crash-report][data-what=window]').getByRole('button').click()
    await page().getByTestId('report-text').getByText('process is gone').waitFor()
    // What failed before is still there to be read.
    await page().getByTestId('nav-activity').click()
    await troubles().waitFor()
  })

  test('the pages keep to the rules of accessibility in both themes', async () => {
    await page().getByTestId('nav-settings').click()
    for (const theme of ['Light', 'Dark']) {
      await page().getByTestId('settings-general').click()
      await page().getByTestId('theme').getByText(theme, { exact: true }).click()
      await waitUntil(() => settingsFile().theme === theme.toLowerCase())
      for (const subject of ['desktop', 'log']) {
        await page().getByTestId(`settings-${subject}`).click()
        // The page is as it was left.
        if (subject === 'log') await page().getByTestId('log-tab').getByText('Log', { exact: true }).click()
        await page()
          .getByTestId(subject === 'log' ? 'app-log' : 'closing')
          .waitFor()
        const { violations } = await new AxeBuilder({ page: page() }).setLegacyMode().analyze()
        expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([])
        await takePicture(page(), `settings-${subject}-${theme.toLowerCase()}`)
      }
    }
  })

  test('the session starts the app without its window once that is wanted; a signal had ended it and asked nothing', async () => {
    await setting({ closing: 'tray', quitting: 'ask' })
    const entry = path.join(home.base, 'config/autostart/slipway.desktop')
    await page().getByTestId('nav-settings').click()
    await page().getByTestId('settings-desktop').click()
    await page().getByTestId('autostart').press('Space')
    await waitUntil(() => existsSync(entry))
    expect(readFileSync(entry, 'utf8')).toMatch(/^Exec=.*--hidden$/m)
    await page().getByTestId('autostart').press('Space')
    await waitUntil(() => !existsSync(entry))
    const signalled = running.app.process()
    signalled.kill('SIGTERM')
    await ended(signalled)
    const app = await startApp(home, ['--hidden'])
    const socket = path.join(home.runtimeDir, 'docker.sock')
    await waitUntil(async () => (await askApi(socket, 'GET', '/_ping')).status === 200, 'the hidden engine')
    expect(app.windows()).toEqual([])
    await secondLaunch()
    running = await windowOf(app)
    await row('running').waitFor()
    expect(await page().getByTestId('crash-notice').count()).toBe(0)
  })

  test('without a tray closing quits, whatever was chosen, and stops what runs where that is the answer', async () => {
    await closeWindow()
    await page().getByTestId('quit-stop').click()
    await ended(running.app.process())
    running = await launchApp(home)
    await row('exited').waitFor()
  })
})
