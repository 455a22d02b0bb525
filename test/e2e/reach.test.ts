import { readFileSync } from 'node:fs'
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
import { waitUntil } from '../helpers/engine.ts'
import { readPcap, readTcp } from '../helpers/pcap.ts'

const why = whyNoWindow() || (hasDocker ? '' : 'there is no docker command')

describe.skipIf(why !== '')('who reaches whom', () => {
  const home = makeHome()
  let running: RunningApp
  const page = () => running.page
  const docker = dockerOn(path.join(home.runtimeDir, 'docker.sock'))
  const ok = async (line: string): Promise<string> => {
    const outcome = await docker(line.split(' '))
    expect(outcome).toMatchObject({ code: 0, stderr: '' })
    return outcome.stdout
  }
  const node = (name: string) => page().locator(`.topo-node[data-name="${name}"]`)
  const panel = () => page().getByTestId('reach')
  const verdict = (text: string) => page().getByTestId('reach-verdict').getByText(text).waitFor()

  beforeAll(async () => {
    running = await launchApp(home)
    await makeStarter(page())
    await ok('network create --subnet 10.213.1.0/24 front')
    await ok('network create --subnet 10.213.2.0/24 back')
    await ok('run -d --name web --network front --network-alias www slipway/starter httpd -f -p 80 -h /')
    await ok('run -d --name client --network front slipway/starter sleep 10000')
    await ok('run -d --name db --network back slipway/starter httpd -f -p 5432 -h /')
    await page().getByTestId('nav-topology').click()
    await node('db').waitFor()
  }, 60_000)
  afterAll(async () => {
    await leaveNothing(home, running)
  }, 60_000)

  test('two that are clicked with Ctrl held are asked about, and a probe proves the answer', async () => {
    await node('client').click({ modifiers: ['Control'] })
    await node('web').click({ modifiers: ['Control'] })
    await verdict('client reaches web')
    expect(await panel().innerText()).toMatch(/www.*10\.213\.1\.\d+.*veth.*br-.*80\/tcp/s)
    await page().getByTestId('reach-probe').click()
    await page()
      .getByText(/web is 10\.213\.1\.\d+ by the embedded DNS\. Connected to 10\.213\.1\.\d+:80 in/)
      .waitFor()
    await takePicture(page(), 'reach-yes')
  })

  test('the rule in the way is quoted, and the network that would help is one press away', async () => {
    await panel().getByTestId('reach-to').click()
    await page().getByRole('option', { name: 'db' }).click()
    await verdict('client does not reach db')
    expect(await page().getByTestId('reach-block').innerText()).toContain('oifname @bridges drop')
    await takePicture(page(), 'reach-no')
    await page().getByRole('button', { name: 'Connect client to back' }).click()
    await verdict('client reaches db')
    await panel().getByRole('button', { name: 'The other way round' }).click()
    await verdict('db reaches client')
  })

  test('no rule of accessibility is broken, in either theme', async () => {
    for (const theme of ['Dark', 'Light']) {
      await page().getByTestId('nav-settings').click()
      await page().getByTestId('theme').getByText(theme, { exact: true }).click()
      await page().getByTestId('nav-topology').click()
      await verdict('db reaches client')
      const { violations } = await new AxeBuilder({ page: page() }).setLegacyMode().analyze()
      await takePicture(page(), `reach-${theme.toLowerCase()}`)
      expect(violations.map(({ id, nodes }) => `${theme} ${id}: ${nodes.map(({ html }) => html).join(' | ')}`)).toEqual(
        [],
      )
    }
    await panel().getByRole('button', { name: 'Close' }).click()
  })

  test('packets are recorded from a menu, with live counters, until somebody stops it', async () => {
    const file = path.join(home.base, 'client.pcap')
    await running.app.evaluate(({ dialog }, filePath) => {
      dialog.showSaveDialog = () => Promise.resolve({ canceled: false, filePath })
    }, file)
    await node('client').click({ button: 'right' })
    await page().getByTestId('menu-capture').click()
    await page().getByTestId('capture-submit').click()
    await node('client').click()
    const counters = page().getByTestId('capture-running')
    await counters.getByText('packets').waitFor()
    await ok('exec client wget -q -O /dev/null http://web/etc/hosts')
    await counters.getByText(/[1-9]\d* packets · /).waitFor()
    await takePicture(page(), 'capture-running')
    await page().getByTestId('capture-stop').click()
    await counters.waitFor({ state: 'detached' })
    await page().getByTestId('nav-activity').click()
    await page().locator(`[data-testid=activity][data-state=done][data-title="${file}"]`).waitFor()
    await takePicture(page(), 'capture-activity')
    await waitUntil(() => readPcap(readFileSync(file)).some((packet) => readTcp(packet)?.port === 80), 'the packets')
  })
})
