import { execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import path from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
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

const why = whyNoWindow()

describe.skipIf(why !== '')('images, volumes and the disk in the window', () => {
  const home = makeHome()
  let running: RunningApp
  const page = () => running.page
  const goTo = (name: string) => page().getByTestId(`nav-${name}`).click()
  const row = (kind: string, name: string) => page().locator(`[data-testid=${kind}-row][data-name="${name}"]`)
  const run = async (name: string, command: string, volume = '') => {
    await page().getByTestId('nav-images').click()
    await page().getByTestId('image-run').first().click()
    await page().getByTestId('run-name').fill(name)
    await page().getByTestId('run-command').fill(command)
    if (volume) {
      await page().getByTestId('run-mounts-add').click()
      await page().getByLabel('Folder or volume').fill(volume)
      await page().getByLabel('Folder in the container').fill('/data')
    }
    await page().getByTestId('run-submit').click()
    await page().locator(`[data-testid=container-row][data-name=${name}]`).waitFor()
  }

  beforeAll(async () => {
    running = await launchApp(home)
    await makeStarter(page())
  }, 60_000)
  afterAll(async () => {
    if (running) await quitApp(running)
    shutDown(home)
    rmSync(home.base, { recursive: true, force: true })
  }, 60_000)

  test('an image shows what each of its layers brought, folder by folder, and who uses it', async () => {
    await run('writer', "sh -c 'dd if=/dev/zero of=/big bs=1M count=5'")
    await goTo('images')
    await page().getByTestId('image-row').first().click()
    const pane = page().getByTestId('detail')
    await pane.getByTestId('layer').first().click()
    await pane.locator('[data-testid=layer-entry][data-name=bin]').click()
    await pane.locator('[data-testid=layer-entry][data-name=busybox]').waitFor()
    await takePicture(page(), 'image-layers')
    await pane.getByText('writer', { exact: true }).click()
    await row('container', 'writer').waitFor()
  })

  test('an image tells its config, how it was made, and the names and digests that it is known by', async () => {
    await goTo('images')
    const pane = page().getByTestId('detail')
    if (!(await pane.isVisible())) await page().getByTestId('image-row').first().click()
    const tab = (name: string) => page().getByTestId('image-tabs').getByText(name, { exact: true }).click()
    await tab('Config')
    await pane.getByText('/bin/sh', { exact: true }).waitFor()
    await takePicture(page(), 'image-config')
    await tab('History')
    await pane.getByTestId('history-step').getByText('slipway starter image: busybox of this machine').waitFor()
    await takePicture(page(), 'image-history')
    await tab('Tags')
    await page().getByTestId('names-add').click()
    await page().getByTestId('tag-name').fill('harbour/box:2')
    await page().getByTestId('tag-submit').click()
    const second = pane.locator('[data-testid=name-row][data-name="harbour/box:2"]')
    await second.waitFor()
    expect(await pane.getByTestId('digest').first().innerText()).toMatch(/^sha256:[0-9a-f]{64}/)
    await takePicture(page(), 'image-names')
    await second.getByTestId('name-remove').click()
    await second.waitFor({ state: 'detached' })
    // The last name goes with the image alone.
    expect(await pane.getByTestId('name-remove').isDisabled()).toBe(true)
    await tab('Layers')
  })

  test('an image is saved to the file that was picked, which another engine reads', async () => {
    const file = path.join(home.base, 'saved.tar')
    await running.app.evaluate(({ dialog }, filePath) => {
      dialog.showSaveDialog = async () => ({ canceled: false, filePath })
    }, file)
    await goTo('images')
    await page().getByTestId('image-save').click()
    await page().locator(`[data-testid=activity][data-state=done][data-title="${file}"]`).waitFor()
    expect(execFileSync('tar', ['-tf', file]).toString()).toContain('index.json')
  })

  test('a volume shows who has it, and only those that nobody has are offered for removal', async () => {
    await goTo('volumes')
    for (const name of ['cargo', 'ballast']) {
      await page().getByTestId('volume-create').click()
      await page().getByTestId('volume-name').fill(name)
      await page().getByRole('button', { name: 'Create', exact: true }).click()
      await row('volume', name).waitFor()
    }
    await run('keeps', "sh -c 'dd if=/dev/zero of=/data/f bs=1M count=3; sleep 600'", 'cargo')
    await goTo('volumes')
    await row('volume', 'cargo').getByText('3.1 MB').waitFor()
    await row('volume', 'cargo').click()
    await page().getByTestId('volume-pane').getByText('keeps').waitFor()
    await takePicture(page(), 'volume')
    await page().getByTestId('volume-prune').click()
    expect(await page().getByTestId('confirm-items').innerText()).toBe('ballast')
    await page().getByTestId('confirm').click()
    await row('volume', 'ballast').waitFor({ state: 'detached' })
    await row('volume', 'cargo').waitFor()
  })

  test('the disk page measures, says what a clean-up takes, and frees it', async () => {
    await goTo('disk')
    await page().getByTestId('disk-total').waitFor()
    expect(await row('disk', 'writer').innerText()).toMatch(/5\.2 MB/)
    await page().getByTestId('clean-containers').click()
    expect(await page().getByTestId('confirm-items').innerText()).toBe('writer')
    await takePicture(page(), 'disk-clean-up')
    await page().getByTestId('confirm').click()
    await row('disk', 'writer').waitFor({ state: 'detached' })
    expect(existsSync(home.root)).toBe(true)
    expect(await page().getByTestId('clean-containers').isDisabled()).toBe(true)
    await row('disk', 'keeps').waitFor()
  })

  test('the pages keep to the rules of accessibility in both themes', async () => {
    for (const theme of ['Light', 'Dark']) {
      await goTo('settings')
      await page().getByTestId('theme').getByText(theme, { exact: true }).click()
      for (const name of ['disk', 'volumes', 'images']) {
        await goTo(name)
        if (name === 'disk') await page().getByTestId('disk-total').waitFor()
        const { violations } = await new AxeBuilder({ page: page() }).setLegacyMode().analyze()
        expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([])
        await takePicture(page(), `${name}-page-${theme.toLowerCase()}`)
      }
    }
  })
})
