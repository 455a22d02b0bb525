import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  launchApp,
  makeHome,
  makeStarter,
  quitApp,
  type RunningApp,
  shutDown,
  takePicture,
  whyNoWindow,
} from '../helpers/app.ts'

describe.skipIf(whyNoWindow() !== '')('the command palette and the keys', () => {
  const home = makeHome()
  let running: RunningApp
  const page = () => running.page
  const pick = async (typed: string) => {
    await page().getByTestId('palette').waitFor({ state: 'detached' })
    await page().keyboard.press('Control+k')
    await page().getByTestId('palette').waitFor()
    await page().keyboard.type(typed)
  }

  beforeAll(async () => {
    running = await launchApp(home)
    await makeStarter(page())
  })
  afterAll(async () => {
    if (running) await quitApp(running)
    shutDown(home)
    rmSync(home.base, { recursive: true, force: true })
  })

  test('the keyboard alone runs a container, stops it and removes it', async () => {
    const row = (status: string) => page().locator(`[data-name=pilot][data-status=${status}]`)
    await pick('run starter')
    await page().keyboard.press('Enter')
    await page().getByTestId('run-name').waitFor()
    await page().getByTestId('run-name').focus()
    await page().keyboard.type('pilot')
    await page().getByTestId('run-command').focus()
    await page().keyboard.type('sleep 1000')
    await page().keyboard.press('Enter')
    await row('running').waitFor()
    await pick('kill pilot')
    await takePicture(page(), 'palette')
    await page().keyboard.press('Enter')
    await row('exited').waitFor()
    await pick('start pilot')
    await page().keyboard.press('Enter')
    await row('running').waitFor()
    await pick('remove pilot')
    await page().keyboard.press('Enter')
    await page().getByTestId('confirm').focus()
    await page().keyboard.press('Enter')
    await page().locator('[data-name=pilot]').waitFor({ state: 'detached' })
  })

  test('it finds pages and says when there is nothing', async () => {
    await pick('no such thing')
    await page().getByText('Nothing is called that').waitFor()
    await page().keyboard.press('Escape')
    await pick('volumes')
    await page().keyboard.press('Enter')
    await page().getByRole('heading', { name: 'Volumes', exact: true }).waitFor()
    expect(await page().getByTestId('nav-volumes').getAttribute('aria-current')).toBe('page')
  })

  test('it opens the dialogs of pages, and changes the theme', async () => {
    for (const [typed, field] of [
      ['create a network', 'network-name'],
      ['connect bridge', 'connect-container'],
      ['create a volume', 'volume-name'],
      ['log in registries', 'login-host'],
      ['add a name starter', 'tag-name'],
    ] as const) {
      await pick(typed)
      await page().keyboard.press('Enter')
      await page().getByTestId(field).waitFor()
      await page().getByRole('button', { name: 'Cancel' }).click()
      await page().getByTestId(field).waitFor({ state: 'detached' })
    }
    for (const theme of ['dark', 'light']) {
      await pick(`theme ${theme}`)
      await page().keyboard.press('Enter')
      await page().locator(`html[data-mantine-color-scheme=${theme}]`).waitFor()
    }
  })

  test('a question mark shows the keys', async () => {
    await page().getByTestId('palette').waitFor({ state: 'detached' })
    await page().keyboard.press('?')
    await page().getByTestId('shortcuts').getByText('Ctrl+K').waitFor()
    await takePicture(page(), 'shortcuts')
    await page().keyboard.press('Escape')
    await page().getByTestId('shortcuts').waitFor({ state: 'detached' })
  })
})
