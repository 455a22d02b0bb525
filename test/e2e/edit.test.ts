import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  launchApp,
  leaveNothing,
  makeHome,
  makeStarter,
  type RunningApp,
  takePicture,
  whyNoWindow,
} from '../helpers/app.ts'
import { dockerOn, hasDocker } from '../helpers/docker.ts'

const why = whyNoWindow() || (hasDocker ? '' : 'there is no docker command')

describe.skipIf(why !== '')('a container that is edited in the window', () => {
  const home = makeHome()
  let running: RunningApp
  const page = () => running.page
  const docker = dockerOn(path.join(home.runtimeDir, 'docker.sock'))
  const ok = async (args: readonly string[]): Promise<string> => {
    const outcome = await docker(args)
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    return outcome.stdout.trim()
  }
  const row = (name: string) => page().locator(`[data-testid=container-row][data-name="${name}"]`)
  const started = (name: string) => ok(['inspect', '-f', '{{.State.StartedAt}}', name])
  const submit = () => page().getByTestId('edit-submit')

  beforeAll(async () => {
    running = await launchApp(home)
    await makeStarter(page())
    await ok(['network', 'create', 'shop'])
    const command = ['slipway/starter', 'sleep', '10000']
    await ok([
      'run',
      '-d',
      '--name',
      'web',
      '--stop-timeout',
      '0',
      '-p',
      '127.0.0.1::80',
      '-e',
      'COLOUR=red',
      ...command,
    ])
    await page().getByTestId('nav-containers').click()
  }, 60_000)
  afterAll(async () => {
    await leaveNothing(home, running)
  }, 60_000)

  test('gets and loses ports without a restart, and says who reaches them', async () => {
    const before = await started('web')
    await row('web').click()
    await page().getByTestId('pane-edit').click()
    expect(await submit().isDisabled()).toBe(true)
    await page().getByTestId('run-ports-add').click()
    await page().getByLabel('Port in the container').last().fill('81')
    await submit().getByText('Save').waitFor()
    await takePicture(page(), 'edit-live')
    const { violations } = await new AxeBuilder({ page: page() }).include('[role=dialog]').setLegacyMode().analyze()
    expect(violations.map(({ id }) => id)).toEqual([])
    await submit().click()
    await page().getByTestId('detail').getByText('Reachable from outside').waitFor()
    await page().getByTestId('detail').getByText('This machine only').waitFor()
    expect(await row('web').locator('[data-reach=outside], [data-reach=here]').count()).toBe(2)
    expect(await started('web')).toBe(before)
    expect(await ok(['port', 'web'])).toMatch(/80\/tcp -> 127\.0\.0\.1:\d+\n81\/tcp -> 0\.0\.0\.0:\d+/)
  })

  test('is made anew for the rest after the button has said so, and comes back when that fails', async () => {
    const id = await ok(['inspect', '-f', '{{.Id}}', 'web'])
    await row('web').click({ button: 'right' })
    await page().getByTestId('menu-edit').click()
    await page().getByLabel('Value').fill('blue')
    await page().getByTestId('run-networks-add').click()
    await page().getByTestId('run-command').fill('/no/such/program')
    await submit().getByText('Recreate and restart').waitFor()
    await submit().click()
    await page().getByTestId('run-error').getByText('no such file').waitFor({ timeout: 40_000 })
    await takePicture(page(), 'edit-anew')
    expect(await ok(['exec', 'web', 'sh', '-c', 'echo $COLOUR'])).toBe('red')
    await page().getByTestId('run-command').fill('sleep 9999')
    await submit().click()
    await page().getByTestId('edit-submit').waitFor({ state: 'detached', timeout: 40_000 })
    expect(await ok(['exec', 'web', 'sh', '-c', 'echo $COLOUR'])).toBe('blue')
    const names = await ok([
      'inspect',
      '-f',
      '{{.Id}}{{range $name, $_ := .NetworkSettings.Networks}} {{$name}}{{end}}',
      'web',
    ])
    expect(names).toBe(`${id} bridge shop`)
  })

  test('publishes to this machine alone when that is set for all', async () => {
    await page().getByTestId('nav-settings').click()
    await page().getByTestId('publish-address').getByText('This machine only').click()
    await expect
      .poll(() => readFile(path.join(home.root, 'network.json'), 'utf8').catch(() => ''))
      .toContain('127.0.0.1')
    await takePicture(page(), 'settings-publish')
    await ok(['run', '-d', '--name', 'local', '-p', '80', 'slipway/starter', 'sleep', '10000'])
    expect(await ok(['port', 'local'])).toMatch(/^80\/tcp -> 127\.0\.0\.1:\d+$/)
  })

  test('makes the default network as it is set, once nobody runs on it, and says who does', async () => {
    const form = page().getByTestId('default-bridge')
    await page().getByTestId('nav-settings').click()
    await form.getByTestId('bridge-subnet').fill('10.214.7.1/24')
    await form.getByTestId('bridge-mtu').fill('1400')
    await form.getByTestId('bridge-save').click()
    await form.getByRole('alert').getByText('stop').waitFor()
    for (const name of (await ok(['ps', '-q'])).split('\n')) await ok(['stop', '-t', '0', name])
    await form.getByTestId('bridge-save').click()
    await expect
      .poll(() => ok(['network', 'inspect', '-f', '{{(index .IPAM.Config 0).Gateway}} {{.Options}}', 'bridge']))
      .toBe('10.214.7.1 map[com.docker.network.driver.mtu:1400]')
    await form.getByRole('alert').waitFor({ state: 'detached' })
    await form.scrollIntoViewIfNeeded()
    await takePicture(page(), 'settings-bridge')
    await form.getByTestId('bridge-reset').click()
    await form.getByTestId('bridge-save').click()
    await expect.poll(() => ok(['network', 'inspect', '-f', '{{.Options}}', 'bridge'])).toBe('map[]')
  })
})
