import { rmSync } from 'node:fs'
import { AxeBuilder } from '@axe-core/playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHECKS } from '../../engine/contract/doctor.ts'
import { launchApp, makeHome, quitApp, type RunningApp, shutDown, takePicture, whyNoWindow } from '../helpers/app.ts'

const why = whyNoWindow()

describe.skipIf(why !== '')('the check of the system', () => {
  const home = makeHome()
  let running: RunningApp
  const page = () => running.page

  beforeAll(async () => {
    running = await launchApp(home)
  }, 60_000)
  afterAll(async () => {
    if (running) await quitApp(running)
    shutDown(home)
    rmSync(home.base, { recursive: true, force: true })
  }, 60_000)

  test('says at the first start whether containers run here, and leads to what it found', async () => {
    await page().locator('[data-testid=first-start][data-problems="0"]').waitFor()
    await takePicture(page(), 'first-start')
    await page().getByTestId('first-start-show').click()
    await page().getByTestId('check').first().waitFor()
    const shown = await page()
      .getByTestId('check')
      .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-id')))
    expect(shown).toEqual(CHECKS.filter((id) => shown.includes(id)))
    expect(shown).toEqual(expect.arrayContaining(['runtime', 'networks', 'socket', 'clientSocket']))
    expect(await page().locator('[data-testid=check][data-id=socket]').innerText()).toContain(home.runtimeDir)
    expect(await page().locator('[data-testid=check][data-id=runtime]').innerText()).toMatch(/runc version \d/)
    await page().getByTestId('doctor-again').click()
    await page().locator('[data-testid=check][data-id=disk][data-state=passed]').waitFor()
  })

  test('once it is put away, a healthy machine hears no more of it', async () => {
    await page().getByTestId('nav-containers').click()
    await page().getByTestId('first-start-dismiss').click()
    await page().getByTestId('first-start').waitFor({ state: 'detached' })
    await page().reload()
    await page().getByTestId('starter-create').first().waitFor()
    expect(await page().getByTestId('first-start').count()).toBe(0)
  })

  test('the page keeps to the rules of accessibility in both themes', async () => {
    await page().getByTestId('nav-settings').click()
    for (const theme of ['Light', 'Dark']) {
      await page().getByTestId('settings-general').click()
      await page().getByTestId('theme').getByText(theme, { exact: true }).click()
      await page().getByTestId('settings-doctor').click()
      await page().getByTestId('check').first().waitFor()
      const { violations } = await new AxeBuilder({ page: page() }).setLegacyMode().analyze()
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([])
      await takePicture(page(), `doctor-${theme.toLowerCase()}`)
    }
  })
})
