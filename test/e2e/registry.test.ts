import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildTar } from '../fixtures/archives.ts'
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
import { waitUntil } from '../helpers/engine.ts'
import {
  createClient,
  fillRegistry,
  hasRegistry,
  LOGIN,
  startFaultyProxy,
  startRegistry,
  type TestRegistry,
} from '../helpers/registry.ts'

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

  test('a pull shows each of its layers, and a cancel ends it and leaves nothing', async () => {
    const open = await startRegistry()
    const proxy = await startFaultyProxy(open)
    const client = createClient(home.base)
    const name = `${proxy.host}/slow/box:1`
    const held = new Set<unknown>()
    try {
      const layers = await Promise.all(
        ['a', 'b', 'c'].map((file) => buildTar([{ name: file, content: randomBytes(2_000_000) }])),
      )
      await fillRegistry(client, open.host, 'slow/box', layers)
      // Half of each layer comes, then nothing more.
      proxy.fault = async (request, response, upstream) => {
        const answer = await upstream()
        if (!request.url?.includes('/blobs/') || Number(answer.headers['content-length']) < 1_000_000) {
          response.writeHead(answer.statusCode ?? 500, answer.headers)
          answer.pipe(response)
          return true
        }
        held.add(response)
        response.on('close', () => held.delete(response))
        response.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.once('data', (chunk) => response.write(chunk))
        return true
      }
      const pull = async () => {
        await page().getByTestId('pull-open').click()
        await page().getByTestId('pull-name').fill(name)
        await page().getByTestId('pull-submit').click()
      }
      await page().getByTestId('nav-images').click()
      await pull()
      const card = activity('running', name)
      const rows = card.locator('[data-testid=layer][data-state=downloading]')
      await waitUntil(async () => (await rows.count()) === 3, 'the rows of its layers')
      expect(await rows.first().innerText()).toMatch(/\/ 2\.0 MB/)
      await takePicture(page(), 'pull-layers')
      await card.getByRole('button', { name: 'Cancel' }).click()
      await card.waitFor({ state: 'detached' })
      await waitUntil(() => held.size === 0, 'the end of its connections')
      expect(await image(name).count()).toBe(0)
      proxy.fault = () => false
      await pull()
      await image(name).waitFor()
    } finally {
      await client.close()
      await proxy.stop()
      await open.stop()
    }
  })

  test('a login whose credential helper is gone is kept elsewhere, and the window says so', async () => {
    const configFile = path.join(home.dockerFolder, 'config.json')
    const earlier = existsSync(configFile) ? readFileSync(configFile, 'utf8') : '{}'
    mkdirSync(home.dockerFolder, { recursive: true })
    writeFileSync(configFile, JSON.stringify({ credsStore: 'gone' }))
    try {
      await page().getByTestId('nav-registries').click()
      await page().getByTestId('login-open').first().click()
      await page().getByTestId('login-host').fill(registry.host)
      await page().getByTestId('login-user').fill(LOGIN.username)
      await page().getByTestId('login-password').fill(LOGIN.password)
      await page().getByTestId('login-submit').click()
      const note = page().getByTestId('login-elsewhere')
      await note.waitFor()
      expect(await note.innerText()).toContain('the credential helper "gone"')
      expect(await note.innerText()).toContain('it is kept in memory, until the engine ends')
      await takePicture(page(), 'login-elsewhere')
      const pick = async (typed: string) => {
        await page().keyboard.press('Control+k')
        await page().getByTestId('palette').fill(typed)
        await page().getByText(`${typed}: ${registry.host}`).waitFor()
        await page().keyboard.press('Enter')
      }
      await pick('Test')
      await page().getByText(`Works, as ${LOGIN.username}`).waitFor()
    } finally {
      writeFileSync(configFile, earlier)
      await page().getByTestId('nav-images').click()
    }
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
