import { existsSync, readFileSync } from 'node:fs'
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

const why = whyNoWindow() || (hasDocker ? '' : 'there is no docker command')

describe.skipIf(why !== '')('the topology', () => {
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
  const edges = (kind: string) => page().locator(`.topo-edge-${kind}`)
  const pane = () => page().getByTestId('topology-pane')
  /** The pane takes room from the picture: without it every node can be clicked again. */
  const closePane = async () => {
    await pane().getByRole('button', { name: 'Close' }).click()
    await pane().waitFor({ state: 'detached' })
    await page().getByRole('button', { name: 'Show everything' }).click()
  }

  beforeAll(async () => {
    running = await launchApp(home)
    await makeStarter(page())
    await ok('network create --subnet 10.214.1.0/24 front')
    await ok('network create --subnet 10.214.2.0/24 --internal back')
    const label = '--label com.docker.compose.project=shop'
    const image = 'slipway/starter'
    await ok(`run -d --name web --network front -p 127.0.0.1:0:80 ${label} ${image} httpd -f -p 80 -h /`)
    await ok(`run -d --name api --network front -p 0:81 ${label} ${image} sleep 10000`)
    await ok(`network connect back api`)
    await ok(`run -d --name db --network back ${label} ${image} sleep 10000`)
    await ok(`run -d --name watcher --network container:web ${image} sleep 10000`)
    await ok(`run -d --name old ${image} sleep 10000`)
    await ok(`run -d --name linked --link old:elder ${image} sleep 10000`)
    await page().getByTestId('nav-topology').click()
  }, 60_000)
  afterAll(async () => {
    await leaveNothing(home, running)
  }, 60_000)

  test('it shows networks, containers, published ports, links and shared networks', async () => {
    for (const name of ['front', 'back', 'bridge', 'web', 'api', 'db', 'watcher', 'old', 'linked', 'host', 'outside'])
      await node(name).waitFor()
    await waitUntil(async () => (await edges('endpoint').count()) === 6, 'an edge for each place on a network')
    expect(await edges('port').count()).toBe(2)
    expect(await edges('shared').count()).toBe(1)
    expect(await edges('link').count()).toBe(1)
    expect(await edges('attached').count()).toBe(3)
    expect(await edges('uplink').count()).toBe(1)
    expect(await node('front').innerText()).toContain('10.214.1.0/24')
    expect(await node('back').innerText()).toContain('internal')
    await takePicture(page(), 'topology')
  })

  test('edges carry what is measured on the interface', async () => {
    await docker(['exec', '-d', 'api', 'sh', '-c', 'while true; do wget -q -O /dev/null http://web/bin/busybox; done'])
    await page()
      .getByText(/↓ [\d.]+ MB\/s ↑/)
      .first()
      .waitFor()
    await takePicture(page(), 'topology-traffic')
    await docker(['exec', 'api', 'sh', '-c', 'kill $(pidof sh)'])
  })

  test('a node tells how it is built and the commands that show it', async () => {
    await node('front').click()
    await pane().getByText('ip link add name').waitFor()
    expect(await pane().innerText()).toContain('10.214.1.1')
    await closePane()
    await node('api').click()
    await pane().getByText('published on every address').waitFor()
    expect(await pane().innerText()).toContain('nsenter --target')
    const left = async () => (await pane().boundingBox())?.x ?? 0
    const right = async () =>
      ((await node('api').boundingBox())?.x ?? 0) + ((await node('api').boundingBox())?.width ?? 0)
    await waitUntil(async () => (await right()) <= (await left()), 'the node beside its pane')
    const cutOff = await page()
      .locator('.page-head *')
      .evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0).length)
    expect(cutOff).toBe(0)
    await takePicture(page(), 'topology-pane')
    await closePane()
  })

  test('a container that is dropped on a network joins it', async () => {
    const from = await node('db').boundingBox()
    const to = await node('front').boundingBox()
    if (!from || !to) throw new Error('a node has no place')
    await page().mouse.move(from.x + 40, from.y + 20)
    await page().mouse.down()
    await page().mouse.move(to.x + 60, to.y + 30, { steps: 8 })
    await page().mouse.up()
    await waitUntil(async () => (await edges('endpoint').count()) === 7, 'the new edge')
    expect(await ok('inspect -f {{.NetworkSettings.Networks.front.IPAddress}} db')).toMatch(/^10\.214\.1\./)
  })

  test('the menu of a network connects a container to it', async () => {
    await node('back').click({ button: 'right' })
    await page().getByTestId('menu-connect').click()
    await page().getByTestId('connect-container').click()
    await page().getByRole('option', { name: 'old' }).click()
    await page().getByTestId('connect-submit').click()
    await waitUntil(async () => (await edges('endpoint').count()) === 8, 'the edge of the container that joined')
    await ok('network disconnect back old')
    await waitUntil(async () => (await edges('endpoint').count()) === 7, 'the edge to go away')
  })

  test('filters, one node for a project, and the same as a table', async () => {
    const pick = (control: string, text: string) => page().getByTestId(control).getByText(text, { exact: true }).click()
    await pick('topology-show', 'Exposed to outside')
    await node('api').waitFor()
    await node('web').waitFor({ state: 'detached' })
    await pick('topology-show', 'Talks to the internet')
    await node('web').waitFor()
    await pick('topology-show', 'All')
    await page().getByTestId('topology-projects').click()
    await page().getByText('Show shop as one').click()
    await page().keyboard.press('Escape')
    await node('shop').waitFor()
    await node('db').waitFor({ state: 'detached' })
    await page().getByTestId('topology-projects').click()
    await page().getByText('Show shop as one').click()
    await page().keyboard.press('Escape')
    await pick('topology-view', 'Table')
    await waitUntil(async () => (await page().getByTestId('topology-row').count()) === 15, 'a row an edge')
    await takePicture(page(), 'topology-table')
    await pick('topology-view', 'Picture')
  })

  test('from afar nodes are boxes in the colour of their state that keep their names, and near they are whole again', async () => {
    const far = page().locator('[data-testid=topo-container][data-name=db][data-far=true]')
    const goFar = async () => {
      for (let step = 0; step < 12 && (await far.count()) === 0; step += 1)
        await page().getByRole('button', { name: 'Zoom Out' }).click()
      await far.waitFor()
    }
    await goFar()
    expect(await far.getAttribute('data-tone')).toBe('good')
    expect(await far.innerText()).toBe('')
    expect(await page().getByRole('group', { name: 'db', exact: true }).count()).toBe(1)
    await page().getByRole('button', { name: 'Show everything' }).click()
    await page().locator('[data-testid=topo-container][data-name=db][data-far=false]').getByText('Running').waitFor()
    await goFar()
  })

  test('the picture is saved in full as a file of its own, however far away it is seen from', async () => {
    const file = path.join(home.base, 'topology.svg')
    await running.app.evaluate(({ session }, target) => {
      session.defaultSession.once('will-download', (_event, item) => item.setSavePath(target))
    }, file)
    await page().getByTestId('topology-save').click()
    await page().getByTestId('save-svg').click()
    await waitUntil(() => existsSync(file) && readFileSync(file, 'utf8').includes('</svg>'), 'the file')
    expect(readFileSync(file, 'utf8')).toContain('10.214.1.0/24')
    await page().getByRole('button', { name: 'Show everything' }).click()
  })

  test('no rule of accessibility is broken, in either theme', async () => {
    for (const theme of ['Dark', 'Light']) {
      await page().getByTestId('nav-settings').click()
      await page().getByTestId('theme').getByText(theme, { exact: true }).click()
      await page().getByTestId('nav-topology').click()
      await node('db').waitFor()
      const { violations } = await new AxeBuilder({ page: page() }).setLegacyMode().analyze()
      await takePicture(page(), `topology-${theme.toLowerCase()}`)
      expect(violations.map(({ id, nodes }) => `${theme} ${id}: ${nodes.map(({ html }) => html).join(' | ')}`)).toEqual(
        [],
      )
    }
  })
})
