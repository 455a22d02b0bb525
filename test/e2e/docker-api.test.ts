import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
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
import { hasDocker } from '../helpers/docker.ts'

const why = whyNoWindow() || (hasDocker ? '' : 'there is no docker')
const run = promisify(execFile)

describe.skipIf(why !== '')('the Docker API in the window', () => {
  const home = makeHome()
  let running: RunningApp
  let follower: ChildProcess | undefined
  const page = () => running.page
  const env = { ...process.env, DOCKER_CONFIG: home.dockerFolder }
  const settings = () => path.join(home.dockerFolder, 'config.json')
  const contextName = async () => (await page().getByTestId('docker-context').locator('.mono').innerText()).trim()
  const docker = async (...args: string[]) =>
    (await run('docker', ['--context', await contextName(), ...args], { env })).stdout

  beforeAll(async () => {
    mkdirSync(home.dockerFolder)
    writeFileSync(settings(), '{"currentContext":"elsewhere"}')
    running = await launchApp(home)
    await makeStarter(page())
  }, 60_000)
  afterAll(async () => {
    follower?.kill()
    if (running) await quitApp(running)
    shutDown(home)
    rmSync(home.base, { recursive: true, force: true })
  }, 60_000)

  test('one press makes a context that docker works with, and the current one stays', async () => {
    await page().getByTestId('nav-settings').click()
    await page().getByTestId('settings-docker').click()
    expect(await page().getByTestId('docker-host').innerText()).toMatch(/^export DOCKER_HOST=unix:\/\/.*\.sock$/)
    await page().getByTestId('docker-context-create').click()
    await page().locator('[data-testid=docker-context][data-state=ours]').waitFor()
    expect(await docker('version', '--format', '{{.Server.Version}}')).not.toBe('')
    expect(JSON.parse(readFileSync(settings(), 'utf8'))).toEqual({ currentContext: 'elsewhere' })
  })

  test('a client is shown for as long as it is connected', async () => {
    await page().getByTestId('docker-nobody').waitFor()
    follower = spawn('docker', ['--context', await contextName(), 'events'], { env, stdio: 'ignore' })
    const row = page().locator('[data-testid=docker-client][data-name=docker]')
    await row.getByText(String(follower.pid)).waitFor()
    await takePicture(page(), 'docker-api')
    follower.kill()
    await page().getByTestId('docker-nobody').waitFor()
  })

  test('the usual place leads to the socket once that is asked for, and to nothing after the app has gone', async () => {
    const place = path.join(home.session, 'docker.sock')
    await page().getByTestId('docker-offer').click()
    await page().getByText('Clients find this engine there.').waitFor()
    expect((await run('docker', ['ps', '--quiet'], { env: { ...env, DOCKER_HOST: `unix://${place}` } })).stdout).toBe(
      '',
    )
    await quitApp(running)
    expect(existsSync(place)).toBe(false)
    running = await launchApp(home)
    await expect.poll(() => lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink()).toBe(true)
  })

  test.each(['on line', 'off line'])(
    'what a shell does shows in the window and the other way round, the machine being %s',
    async (network) => {
      await page()
        .context()
        .setOffline(network === 'off line')
      await page().getByTestId('nav-settings').click()
      await page().getByTestId('settings-docker').click()
      const context = await contextName()
      const shell = async (...args: string[]) => (await run('docker', ['--context', context, ...args], { env })).stdout
      await page().getByTestId('nav-containers').click()
      const image = (await shell('images', '--format', '{{.Repository}}:{{.Tag}}')).trim()
      await shell('run', '--detach', '--name', 'fromshell', image, 'sleep', '600')
      const row = page().locator('[data-testid=container-row][data-name=fromshell]')
      await row.getByText('Running').waitFor()
      await shell('kill', 'fromshell')
      await row.getByText('Exited').waitFor()
      await shell('start', 'fromshell')
      await row.getByText('Running').waitFor()
      await row.getByTestId('row-stop').click()
      await expect.poll(() => shell('ps', '--quiet'), { timeout: 20_000 }).toBe('')
      await shell('rm', 'fromshell')
      await row.waitFor({ state: 'detached' })
      await page().context().setOffline(false)
    },
  )

  test('the page keeps to the rules of accessibility in both themes', async () => {
    await page().getByTestId('nav-settings').click()
    for (const theme of ['Light', 'Dark']) {
      await page().getByTestId('settings-general').click()
      await page().getByTestId('theme').getByText(theme, { exact: true }).click()
      await page().getByTestId('settings-docker').click()
      await page().getByTestId('docker-socket').waitFor()
      const { violations } = await new AxeBuilder({ page: page() }).setLegacyMode().analyze()
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)).toEqual([])
      await takePicture(page(), `docker-api-${theme.toLowerCase()}`)
    }
  })
})
