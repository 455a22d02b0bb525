import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  launchApp,
  leaveNothing,
  makeHome,
  makeStarter,
  quitApp,
  type RunningApp,
  takePicture,
  whyNoWindow,
} from '../helpers/app.ts'
import { dockerOn, hasDocker } from '../helpers/docker.ts'
import { waitUntil } from '../helpers/engine.ts'

const isRoot = process.getuid?.() === 0
/** An edge's own label, without what is measured at the moment. */
const withoutRates = (text: string) => text.split('  ')[0]?.replace(/^↓.*/, '') ?? ''
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
  const pick = (control: string, text: string) => page().getByTestId(control).getByText(text, { exact: true }).click()
  /** Where a node is once the view has come to rest. */
  const placeOf = async (name: string) => {
    let last: unknown
    let same = 0
    await waitUntil(async () => {
      const now = await node(name).boundingBox()
      same = now && JSON.stringify(now) === JSON.stringify(last) ? same + 1 : 0
      last = now
      return same >= 10
    }, 'a view at rest')
    return last as { x: number; y: number }
  }
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

  test('the edges of this machine carry what comes through published ports', async () => {
    const [port = ''] = (await ok('port web 80')).trim().split(':').slice(-1)
    const stop = new AbortController()
    const load = (async () => {
      while (!stop.signal.aborted) await (await fetch(`http://127.0.0.1:${port}/bin/busybox`)).arrayBuffer()
    })()
    try {
      const label = edges('port').filter({ hasText: `127.0.0.1:${port}→80` })
      await label.filter({ hasText: /↓ [\d.]+ [kM]?B\/s ↑ [\d.]+ MB\/s/ }).waitFor()
      await edges('attached')
        .filter({ hasText: /10\.214\.1\.1 .*↑ [\d.]+ MB\/s/ })
        .waitFor()
      await takePicture(page(), 'topology-ports')
    } finally {
      stop.abort()
      await load
    }
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
    const rules = pane().getByTestId('live-rules').first()
    await rules.getByText('10.214.1.0/24').first().waitFor()
    expect(await rules.innerText()).toContain('oifname @bridges drop')
    await takePicture(page(), 'topology-network-pane')
    await closePane()
    await node('host').click()
    await pane().getByText('Reachable from outside').first().waitFor()
    expect(await pane().innerText()).toContain('Reachable from this machine only')
    // Rules keep who a client is, but not from IPv6 to a container without it.
    const crossed = (await ok('port api')).includes('[::]') ? 1 : 0
    expect(await pane().getByTestId('source-note').count()).toBe(isRoot ? crossed : 2)
    await takePicture(page(), 'topology-host-pane')
    await closePane()
    await node('outside').click()
    await pane().getByText('Reachable from outside').waitFor()
    expect(await pane().getByRole('button', { name: 'web', exact: true }).count()).toBe(0)
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
    await waitUntil(async () => (await edges('port').count()) === 1, 'one edge for the ports of a project')
    await page().getByTestId('topology-projects').click()
    await page().getByText('Show shop as one').click()
    await page().keyboard.press('Escape')
    await node('db').waitFor()
    await page().getByRole('button', { name: 'Show everything' }).click()
    const texts = page().locator('.topo-edge .react-flow__edge-text')
    const drawn: string[] = []
    await waitUntil(async () => {
      const now = (await texts.allTextContents()).map(withoutRates).filter(Boolean).sort()
      drawn.splice(0, drawn.length, ...now)
      return drawn.length === 14
    }, 'every edge in sight')
    await pick('topology-view', 'Table')
    const rows = page().getByTestId('topology-row')
    await waitUntil(async () => (await rows.count()) === 15, 'a row an edge')
    const labels = (await rows.locator('[role=gridcell]:nth-child(4)').allInnerTexts()).map((text) => text.trim())
    expect(labels.filter((text) => text !== '–').sort()).toEqual(drawn)
    const told = await rows.allInnerTexts()
    for (const ends of [
      ['Outside', 'reaches by ports'],
      ['front', 'on the network', 'db'],
      ['web', 'shares its network', 'watcher'],
      ['linked', 'link', 'old', 'elder'],
    ])
      expect(told.filter((text) => ends.every((part) => text.includes(part))).length).toBeGreaterThan(0)
    await takePicture(page(), 'topology-table')
    await pick('topology-view', 'Picture')
  })

  test('a project is stopped, started and shown by its containers from its menu, and removed after a question', async () => {
    const menu = async (name: string, item: string) => {
      await node(name).click({ button: 'right' })
      await page().getByTestId(`menu-${item}`).click()
    }
    await page().getByTestId('topology-projects').click()
    await page().getByText('Show shop as one').click()
    await page().keyboard.press('Escape')
    await node('shop').getByText('3 running').waitFor()
    await node('shop').click({ button: 'right' })
    await takePicture(page(), 'topology-project-menu')
    await page().getByTestId('menu-stop').click()
    await node('shop').getByText('0 running').waitFor()
    await menu('shop', 'start')
    await node('shop').getByText('3 running').waitFor()
    await node('shop').click()
    await pane().getByTestId('project-restart').waitFor()
    await takePicture(page(), 'topology-project-pane')
    await closePane()
    await menu('shop', 'remove')
    await page().getByText('Remove 3?').waitFor()
    await page().getByRole('button', { name: 'Cancel' }).click()
    await menu('shop', 'unfold')
    await node('db').waitFor()
  })

  test('the menus of this machine and of the outside lead on', async () => {
    await node('outside').click({ button: 'right' })
    await page().getByTestId('menu-show-exposed').click()
    await node('db').waitFor({ state: 'detached' })
    await node('outside').click({ button: 'right' })
    await page().getByTestId('menu-show-all').click()
    await node('db').waitFor()
    await node('host').click({ button: 'right' })
    await page().getByTestId('menu-create-network').click()
    await page().getByTestId('network-name').waitFor()
    await page().keyboard.press('Escape')
    await page().getByTestId('nav-topology').click()
    await node('db').waitFor()
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
    const svg = readFileSync(file, 'utf8')
    for (const text of ['10.214.1.0/24', 'watcher', '127.0.0.1:']) expect(svg).toContain(text)
    const size = /<svg[^>]* width="(\d+)" height="(\d+)"/.exec(svg)?.slice(1).map(Number)
    const png = path.join(home.base, 'topology.png')
    await running.app.evaluate(({ session }, target) => {
      session.defaultSession.once('will-download', (_event, item) => item.setSavePath(target))
    }, png)
    await page().getByTestId('topology-save').click()
    await page().getByTestId('save-png').click()
    await waitUntil(() => existsSync(png) && readFileSync(png).subarray(-8, -4).toString() === 'IEND', 'the picture')
    const decoded = await running.app.evaluate(({ nativeImage }, from) => {
      const image = nativeImage.createFromPath(from)
      return { size: image.getSize(), colours: new Set(image.toBitmap().filter((_, at) => at % 4 === 0)).size }
    }, png)
    const ratio = await page().evaluate(() => devicePixelRatio)
    expect([decoded.size.width, decoded.size.height]).toEqual(size?.map((pixels) => pixels * ratio))
    expect(decoded.colours).toBeGreaterThan(20)
    await page().getByRole('button', { name: 'Show everything' }).click()
  })

  test('nodes are where they were put after the window was closed and opened again', async () => {
    const at = async (name: string) =>
      page().evaluate(
        (id) => document.querySelector<HTMLElement>(`.react-flow__node:has([data-name="${id}"])`)?.style.transform,
        name,
      )
    await page().getByRole('button', { name: 'Show everything' }).click()
    const from = await placeOf('old')
    const before = await at('old')
    await page().mouse.move(from.x + 20, from.y + 10)
    await page().mouse.down()
    await page().mouse.move(from.x + 70, from.y - 60, { steps: 6 })
    await page().mouse.up()
    await waitUntil(async () => (await at('old')) !== before, 'the node to move')
    const moved = await at('old')
    await quitApp(running)
    running = await launchApp(home)
    await page().getByTestId('nav-topology').click()
    await node('old').waitFor()
    expect(await at('old')).toBe(moved)
    await page().getByTestId('topology-save').click()
    await page().getByText('Tidy up').click()
    await waitUntil(async () => (await at('old')) !== moved, 'the node to go back')
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
