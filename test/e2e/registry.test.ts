import { rmSync } from 'node:fs'
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
import { hasRegistry, LOGIN, startRegistry, type TestRegistry } from '../helpers/registry.ts'

const why = whyNoWindow() || (hasRegistry ? '' : 'there is no docker-registry')

describe.skipIf(why !== '')('registries in the window', () => {
  const home = makeHome()
  let running: RunningApp
  let registry: TestRegistry
  const page = () => running.page
  const image = (reference: string) => page().locator(`[data-testid=image-row][data-reference="${reference}"]`)
  const activity = (state: string, title: string) =>
    page().locator(`[data-testid=activity][data-state=${state}][data-title="${title}"]`)

  beforeAll(async () => {
    registry = await startRegistry({ auth: true })
    running = await launchApp(home)
    await makeStarter(page())
  }, 60_000)
  afterAll(async () => {
    if (running) await quitApp(running)
    shutDown(home)
    await registry?.stop()
    rmSync(home.base, { recursive: true, force: true })
  }, 60_000)

  test('a wrong password is said so, the right one is kept, tested and let go', async () => {
    await page().getByTestId('nav-registries').click()
    await page().getByTestId('login-open').first().click()
    await page().getByTestId('login-host').fill(registry.host)
    await page().getByTestId('login-user').fill(LOGIN.username)
    await page().getByTestId('login-password').fill('wrong')
    await page().getByTestId('login-submit').click()
    await page().getByTestId('login-error').waitFor()
    await takePicture(page(), 'login-error')
    await page().getByTestId('login-password').fill(LOGIN.password)
    await page().getByTestId('login-submit').click()
    const row = page().locator(`[data-testid=registry-row][data-name="${registry.host}"]`)
    await row.waitFor()
    await row.getByTestId('registry-test').click()
    await row.getByText(`Works, as ${LOGIN.username}`).waitFor()
    await takePicture(page(), 'registries')
  })

  test('an image gets another name, goes to the registry, is removed and comes back', async () => {
    const name = `${registry.host}/fleet/box:1`
    await page().getByTestId('nav-images').click()
    await page().getByTestId('image-tag').click()
    await page().getByTestId('tag-name').fill(name)
    await page().getByTestId('tag-submit').click()
    await page().locator(`[data-testid=image-row] [title*="${name}"]`).waitFor()
    await page().getByTestId('image-remove').click()
    await page().getByTestId('confirm').click()
    await image(name).getByTestId('image-push').click()
    await activity('done', name).waitFor()
    await takePicture(page(), 'push')
    await image(name).getByTestId('image-remove').click()
    await page().getByTestId('confirm').click()
    await image(name).waitFor({ state: 'detached' })
    await page().getByTestId('pull-open').click()
    await page().getByTestId('pull-name').fill(name)
    await takePicture(page(), 'pull')
    await page().getByTestId('pull-submit').click()
    await image(name).waitFor()
    await page().getByText('Pull', { exact: true }).first().waitFor()
    await takePicture(page(), 'pulled')
  })

  test('what is not there stays in Activity with its cause', async () => {
    const name = `${registry.host}/no/such:1`
    await page().getByTestId('pull-open').click()
    await page().getByTestId('pull-name').fill(name)
    await page().getByTestId('pull-submit').click()
    const card = activity('failed', name)
    await card.waitFor()
    expect(await card.innerText()).toContain('not found')
  })

  test('the registry’s own images are found by a search', async () => {
    await page().getByTestId('pull-open').click()
    await page().getByTestId('pull-name').fill(`${registry.host}/fleet`)
    await page().getByTestId('pull-search').click()
    await page().getByTestId('search-result').getByText(`${registry.host}/fleet/box`).waitFor()
    await page().keyboard.press('Escape')
  })

  test('mirrors and insecure registries are checked, kept and taken away', async () => {
    await page().getByTestId('nav-registries').click()
    const kept = () => page().evaluate(() => window.slipway.invoke('registry.settings', {}))
    const list = (kind: 'mirrors' | 'insecure') => page().getByTestId(`registry-${kind}`)
    const add = async (kind: 'mirrors' | 'insecure', typed: string) => {
      await list(kind).getByTestId('registry-address-new').fill(typed)
      await list(kind).getByTestId('registry-address-add').click()
    }
    await add('mirrors', 'mirror.example/v2')
    await list('mirrors').getByText('“mirror.example/v2” is no address of a mirror', { exact: false }).waitFor()
    await add('insecure', 'http://registry.lan')
    await list('insecure').getByText('“http://registry.lan” is no host', { exact: false }).waitFor()
    await add('mirrors', `http://${registry.host}/`)
    await list('mirrors').getByText(`http://${registry.host}`, { exact: true }).waitFor()
    for (const host of ['registry.lan:5000', 'other.lan']) {
      await add('insecure', host)
      await list('insecure').getByText(host, { exact: true }).waitFor()
    }
    await takePicture(page(), 'registry-settings')
    await list('insecure').getByLabel('Remove: other.lan').click()
    await list('insecure').getByText('other.lan', { exact: true }).waitFor({ state: 'detached' })
    expect(await kept()).toEqual({
      ok: true,
      value: {
        mirrors: [{ host: 'docker.io', url: `http://${registry.host}` }],
        insecure: ['registry.lan:5000'],
      },
    })
  })

  test('no rule of accessibility is broken, and a logout takes the login away', async () => {
    await page().getByTestId('nav-registries').click()
    const { violations } = await new AxeBuilder({ page: page() }).setLegacyMode().analyze()
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)).toEqual([])
    await page().getByTestId('registry-logout').click()
    await page().getByTestId('registry-row').waitFor({ state: 'detached' })
  })
})
