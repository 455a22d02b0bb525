import { AxeBuilder } from '@axe-core/playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  launchApp,
  leaveNothing,
  makeHome,
  type RunningApp,
  takePicture,
  terminalText,
  whyNoWindow,
} from '../helpers/app.ts'
import { waitUntil } from '../helpers/engine.ts'

const MOST_TABS = 120

describe.skipIf(whyNoWindow() !== '')('the keyboard alone', () => {
  const home = makeHome()
  let running: RunningApp
  const page = () => running.page
  const press = (key: string) => page().keyboard.press(key)
  const type = (text: string) => page().keyboard.type(text)
  const row = (status: string) => page().locator(`[data-testid=container-row][data-name=pilot][data-status=${status}]`)
  const hasFocus = (selector: string) =>
    page().evaluate((wanted) => document.activeElement?.matches(wanted) === true, selector)
  /** Goes with Tab, as one without a mouse does; backwards where a terminal, which takes Tab for itself, lies ahead. */
  const tabTo = async (selector: string, key: 'Tab' | 'Shift+Tab' = 'Tab') => {
    for (let step = 0; step < MOST_TABS; step += 1) {
      if (await hasFocus(selector)) return
      await press(key)
    }
    throw new Error(`Tab never comes to ${selector}`)
  }
  const tabToId = (testId: string) => tabTo(`[data-testid="${testId}"]`)
  const shows = (text: RegExp) =>
    waitUntil(async () => text.test(await terminalText(page())), `${text} in the terminal`)
  const expectNoViolations = async (what: string) => {
    const { violations } = await new AxeBuilder({ page: page() }).setLegacyMode().exclude('.xterm').analyze()
    expect(violations.map(({ id, nodes }) => `${what} ${id}: ${nodes.map(({ html }) => html).join(' | ')}`)).toEqual([])
  }

  beforeAll(async () => {
    running = await launchApp(home)
  })
  afterAll(async () => {
    await leaveNothing(home, running)
  })

  test('makes an image and runs a container from it', async () => {
    await page().getByTestId('starter-create').first().waitFor()
    await tabToId('starter-create')
    await press('Enter')
    await page().getByTestId('nav-images').getByText('1').waitFor()
    await press('Control+n')
    await page().getByTestId('run-name').waitFor()
    await tabToId('run-name')
    await type('pilot')
    await tabToId('run-command')
    await type('sh -c "trap exit TERM; while :; do sleep 0.2; done"')
    await expectNoViolations('run dialog')
    await tabToId('run-submit')
    await press('Enter')
    await row('running').waitFor()
  })

  test('works in a terminal, finds in it, copies and pastes, and leaves it', async () => {
    await tabTo('[data-testid=container-row][data-name=pilot] [data-testid=row-terminal]')
    await press('Enter')
    await shows(/[#$] $/m)
    await type('echo sum $((40+2))\n')
    await shows(/^sum 42$/m)
    await press('Control+Shift+F')
    await page().getByTestId('terminal-find').waitFor()
    await type('sum')
    await page().getByTestId('terminal-found').getByText('2 of 2').or(page().getByText('1 of 2')).waitFor()
    await expectNoViolations('find bar')
    await takePicture(page(), 'terminal-find')
    await press('Escape')
    await page().getByTestId('terminal-find').waitFor({ state: 'detached' })
    await running.app.evaluate(({ clipboard }) => clipboard.writeText('echo $((6*7)) was pasted'))
    await press('Control+Shift+V')
    await press('Enter')
    await shows(/^42 was pasted$/m)
    await page().evaluate(() => {
      const element = document.querySelector('[data-testid=terminal]') as HTMLElement & {
        terminal: { selectAll(): void }
      }
      element.terminal.selectAll()
    })
    await press('Control+Shift+C')
    await waitUntil(
      async () => /sum 42/.test(await running.app.evaluate(({ clipboard }) => clipboard.readText())),
      'the text on the clipboard',
    )
    await press('Shift+Escape')
    expect(await hasFocus('.dock-tab button')).toBe(true)
  })

  test('has terminals read out what they show', async () => {
    expect(await page().locator('.xterm-accessibility').count()).toBe(0)
    await press('Control+9')
    await page().getByTestId('screen-reader').waitFor()
    await tabTo('[data-testid=screen-reader]', 'Shift+Tab')
    await press('Space')
    await press('Control+1')
    await page().locator('.xterm-accessibility').getByText('42 was pasted', { exact: true }).waitFor()
  })

  test('stops and removes', async () => {
    await row('running').waitFor()
    await tabTo('[data-testid=container-row][data-name=pilot] [data-testid=row-stop]', 'Shift+Tab')
    await press('Enter')
    await row('exited').waitFor()
    await tabTo('[role=grid]', 'Shift+Tab')
    await press('Home')
    await press('Delete')
    await page().getByTestId('confirm').waitFor()
    await expectNoViolations('confirmation')
    await tabToId('confirm')
    await press('Enter')
    await row('exited').waitFor({ state: 'detached' })
  })

  test('finds what else there is to do', async () => {
    await press('?')
    await page().getByTestId('shortcuts').getByText('Ctrl+Shift+F').waitFor()
    await expectNoViolations('shortcuts')
    await press('Escape')
    await page().getByTestId('shortcuts').waitFor({ state: 'detached' })
    for (const [typed, found] of [
      ['settings docker', 'Settings: Docker API'],
      ['remove starter', /^Remove: .*starter/],
    ] as const) {
      await press('Control+k')
      await page().getByTestId('palette').waitFor()
      await type(typed)
      await page().locator('[data-action]').getByText(found).first().waitFor()
      await press('Escape')
      await page().getByTestId('palette').waitFor({ state: 'detached' })
    }
  })
})
