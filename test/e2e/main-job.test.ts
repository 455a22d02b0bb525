import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type AppHome,
  dropFiles,
  launchApp,
  leaveNothing,
  makeHome,
  type RunningApp,
  takePicture,
  terminalText,
  whyNoWindow,
} from '../helpers/app.ts'
import { busyboxArchive } from '../helpers/docker.ts'
import { waitUntil } from '../helpers/engine.ts'

const why = whyNoWindow()
if (why) process.stderr.write(`e2e skipped: ${why}\n`)

describe.skipIf(why !== '')('the main job in the window', () => {
  let home: AppHome
  let running: RunningApp
  let port: number
  const page = (): Page => running.page
  const row = (name: string) => page().locator(`[data-testid=container-row][data-name="${name}"]`)
  const inState = (name: string, status: string) =>
    page().locator(`[data-testid=container-row][data-name="${name}"][data-status=${status}]`).waitFor()
  const goTo = (name: string) => page().getByTestId(`nav-${name}`).click()
  const menu = async (name: string, verb: string) => {
    await row(name).getByTestId('row-more').click()
    await page().getByTestId(`menu-${verb}`).click()
  }

  beforeAll(async () => {
    home = makeHome()
    port = await freePort()
    running = await launchApp(home)
  })
  afterAll(async () => {
    if (home) await leaveNothing(home, running)
  })

  test('a newcomer is told how to get a first image', async () => {
    await page().getByTestId('starter-create').first().waitFor()
    await takePicture(page(), 'first-start')
  })

  test('an archive dropped on the window becomes an image, and a broken one says what is wrong', async () => {
    const archive = path.join(home.base, 'hello.tar')
    writeFileSync(archive, await helloArchive())
    const broken = path.join(home.base, 'broken.tar')
    writeFileSync(broken, (await helloArchive()).subarray(0, 700_000))
    await page().evaluate(watchLayers)
    await dropFiles(page(), [archive, broken])
    await page().locator('[data-testid=image-row][data-reference="test/hello:1"]').waitFor()
    await page().locator('[data-testid=activity][data-title="hello.tar"][data-state=done]').waitFor()
    const failed = page().locator('[data-testid=activity][data-title="broken.tar"][data-state=failed]')
    expect(await failed.innerText()).toMatch(/truncated|ends|cut|incomplete/i)
    await takePicture(page(), 'images')
    expect(await page().getByTestId('image-row').count()).toBe(1)
    const layers = await page().evaluate(() => (window as unknown as { layers: Record<string, string[]> }).layers)
    expect(Object.keys(layers).length).toBeGreaterThanOrEqual(2)
    expect(new Set(Object.values(layers).flat())).toContain('unpacking')
  })

  test('a failure stays in Activity with what to do about it, and what is mended can be asked for again', async () => {
    await goTo('activity')
    const failed = page().locator('[data-testid=activity][data-title="broken.tar"][data-state=failed]')
    await takePicture(page(), 'activity-failed')
    writeFileSync(path.join(home.base, 'broken.tar'), await busyboxArchive(['test/mended:1']))
    await failed.getByTestId('step-repeat').click()
    await page().locator('[data-testid=activity][data-title="broken.tar"][data-state=done]').waitFor()
    expect(await failed.count()).toBe(0)
    await goTo('images')
    await page().locator('[data-testid=image-row][data-reference="test/mended:1"]').waitFor()
  })

  test('Run makes a container with a published port, a volume, a folder of this machine and environment', async () => {
    const folder = path.join(home.base, 'notes')
    mkdirSync(folder)
    writeFileSync(path.join(folder, 'greeting'), 'ahoy\n')
    await page().locator('[data-reference="test/hello:1"]').getByTestId('image-run').click()
    await page().getByTestId('run-name').fill('web')
    await page()
      .getByTestId('run-command')
      .fill('sh -c "cat /notes/greeting; echo hello $WHO; echo $WHO > /data/index.html; exec httpd -f -p 80 -h /data"')
    await page().getByTestId('run-ports-add').click()
    await page().getByLabel('Port on this machine').fill(String(port))
    await page().getByLabel('Port in the container').fill('80')
    await page().getByTestId('run-mounts-add').click()
    await page().getByLabel('Folder or volume').fill('site')
    await page().getByLabel('Folder in the container').fill('/data')
    await page().getByTestId('run-mounts-add').click()
    await page().getByLabel('Folder or volume').last().fill(folder)
    await page().getByLabel('Folder in the container').last().fill('/notes')
    await page().getByTestId('run-env-add').click()
    await page().getByLabel('Name of the variable').fill('WHO')
    await page().getByLabel('Value', { exact: true }).fill('harbour')
    await takePicture(page(), 'run')
    await page().getByTestId('run-submit').click()
    await inState('web', 'running')
    await waitUntil(async () => (await read(port)) === 'harbour\n', 'the published port')
  })

  test('a taken port, a taken name and a missing command keep the form open and say what to do', async () => {
    await page().getByTestId('run-open').click()
    await page().getByTestId('run-name').fill('second')
    await page().getByTestId('run-command').fill('sleep 1000')
    await page().getByTestId('run-ports-add').click()
    await page().getByLabel('Port on this machine').fill(String(port))
    await page().getByLabel('Port in the container').fill('80')
    await page().getByTestId('run-submit').click()
    const error = page().getByTestId('run-error')
    expect(await error.innerText()).toContain(`${port} failed: port is already allocated (by container web)`)
    await page().getByTestId('take-port').click()
    await page().getByTestId('run-name').fill('web')
    await page().getByTestId('run-submit').click()
    await waitUntil(async () => (await error.innerText()).includes('already in use'), 'the name conflict')
    await page().getByTestId('run-name').fill('second')
    await page().getByTestId('run-command').fill('no-such-program')
    await page().getByTestId('run-submit').click()
    await waitUntil(async () => (await error.innerText()).includes('no-such-program'), 'the missing command')
    await takePicture(page(), 'run-error')
    await page().getByRole('button', { name: 'Cancel' }).click()
    expect(await page().getByTestId('container-row').count()).toBe(1)
  })

  test('the list shows the port, and CPU and memory that move by themselves', async () => {
    expect(await row('web').getByTestId('port').innerText()).toContain(`${port}→80`)
    await row('web').getByTestId('memory').waitFor()
    expect(await row('web').getByTestId('memory').innerText()).toMatch(/\d+(\.\d)? [kM]B/)
    await run(page(), { name: 'busy', command: 'sh -c "while :; do :; done"' })
    const figures = new Set<string>()
    await waitUntil(async () => {
      figures.add(await row('busy').getByTestId('cpu').innerText())
      return [...figures].filter((text) => Number.parseFloat(text) > 5).length >= 2
    }, 'figures of CPU that move')
    await takePicture(page(), 'containers')
    await menu('busy', 'kill')
    await inState('busy', 'exited')
  })

  test('a click on a port opens it in the browser of the desktop', async () => {
    // The desktop's browser is what the app ends at: it is asked here, and not started.
    await running.app.evaluate(({ shell }) => {
      const opened: string[] = []
      Object.assign(globalThis, { opened })
      shell.openExternal = async (url) => void opened.push(url)
    })
    await row('web').getByTestId('port').first().click()
    const opened = () => running.app.evaluate(() => (globalThis as unknown as { opened: string[] }).opened)
    await waitUntil(async () => (await opened()).length > 0, 'an address that is opened')
    expect(await opened()).toEqual([`http://localhost:${port}`])
  })

  test('the log is shown, followed and searched', async () => {
    await row('web').getByTestId('row-logs').hover()
    await page().getByRole('tooltip').getByText('Logs: web').waitFor()
    await row('web').getByTestId('row-logs').click()
    await page().getByRole('tooltip').waitFor({ state: 'detached' })
    const log = page().getByTestId('dock').getByTestId('log-view')
    await log.getByText('hello harbour').waitFor()
    await log.getByText('ahoy').waitFor()
    await run(page(), {
      name: 'ticker',
      command: 'sh -c "trap exit TERM; i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.1; done"',
    })
    await row('ticker').getByTestId('row-logs').click()
    const follow = page().getByTestId('dock').getByTestId('log-view').last()
    await follow.getByText(/^tick 20$/).waitFor()
    await page().getByTestId('log-search').last().fill('tick 7')
    await waitUntil(async () => (await follow.locator('mark').count()) > 0, 'a marked line')
    await takePicture(page(), 'logs')
  })

  test('a terminal types, resizes, obeys Ctrl-C and runs full-screen programs', async () => {
    await row('web').getByTestId('row-terminal').click()
    const keyboard = page().keyboard
    const shows = (text: string | RegExp) =>
      waitUntil(async () => (await terminalText(page())).match(text) !== null, `${text} in the terminal`)
    await shows(/[#$] $/m)
    await keyboard.type('echo sum $((40+2))\n')
    await shows(/^sum 42$/m)
    await keyboard.type('stty size\n')
    await shows(/^\d+ \d+$/m)
    const size = /^(\d+) (\d+)$/m.exec(await terminalText(page()))?.[0] ?? ''
    await page().getByRole('button', { name: 'Height of the dock' }).focus()
    for (let step = 0; step < 4; step += 1) await keyboard.press('ArrowUp')
    await page().getByTestId('terminal').last().click()
    await keyboard.type('clear; stty size\n')
    await waitUntil(async () => {
      const found = /^(\d+) (\d+)$/m.exec(await terminalText(page()))?.[0]
      return found !== undefined && found !== size
    }, 'another size')
    await keyboard.type('sleep 1000\n')
    await keyboard.press('Control+c')
    await keyboard.type('echo back $?\n')
    await shows(/^back 130$/m)
    await keyboard.type('echo some text > /tmp/f; vi /tmp/f\n')
    await shows(/^~$/m)
    await takePicture(page(), 'terminal')
    await keyboard.type(':q!\n')
    await keyboard.type('exit 3\n')
    await shows(/ended with code 3/)
  })

  test('one attaches to the main process and talks to it', async () => {
    await run(page(), { name: 'talker', command: 'sh', isTty: true })
    await menu('talker', 'attach')
    await page().keyboard.type('echo main $$\n')
    await waitUntil(async () => /^main 1\s*$/m.test(await terminalText(page())), 'the main process')
  })

  test('stop, start, restart, pause, kill and rename each show on the screen', async () => {
    await row('ticker').getByTestId('row-stop').click()
    await inState('ticker', 'exited')
    await row('ticker').getByTestId('row-start').click()
    await inState('ticker', 'running')
    if (process.getuid?.() === 0) {
      await menu('ticker', 'pause')
      await inState('ticker', 'paused')
      await menu('ticker', 'unpause')
      await inState('ticker', 'running')
    }
    await menu('ticker', 'kill')
    await inState('ticker', 'exited')
    expect(await row('ticker').innerText()).toContain('137')
    await menu('ticker', 'rename')
    await page().getByTestId('rename-name').fill('clock')
    await page().getByTestId('rename-submit').click()
    await inState('clock', 'exited')
    await row('clock').getByTestId('row-start').click()
    await inState('clock', 'running')
    await row('clock').getByTestId('row-restart').click()
    await waitUntil(
      async () => /^\D*clock\s+Running\s+[0-3] seconds?/m.test((await row('clock').innerText()).replaceAll('\n', ' ')),
      'a young uptime',
    )
  })

  test('a container that exits by itself changes on the screen by itself', async () => {
    await run(page(), { name: 'brief', command: 'sh -c "sleep 2; exit 5"' })
    await inState('brief', 'running')
    await row('brief').getByTestId('row-more').click()
    await page().getByTestId('menu-stop').waitFor()
    await inState('brief', 'exited')
    await page().getByTestId('menu-start').waitFor()
    await page().keyboard.press('Escape')
    expect(await row('brief').innerText()).toContain('(5)')
  })

  test('no page breaks an accessibility rule, in either theme', async () => {
    for (const theme of ['Light', 'Dark']) {
      await goTo('settings')
      await page().getByTestId('theme').getByText(theme, { exact: true }).click()
      for (const name of ['containers', 'images', 'volumes', 'networks', 'activity', 'settings']) {
        await goTo(name)
        if (name === 'containers') await row('web').getByText('web', { exact: true }).click()
        const { violations } = await new AxeBuilder({ page: page() }).setLegacyMode().exclude('.xterm').analyze()
        await takePicture(page(), `${name}-${theme.toLowerCase()}`)
        expect(
          violations.map(
            ({ id, nodes }) =>
              `${name} ${theme} ${id}: ${nodes
                .map(({ html }) => html)
                .join(' | ')
                .slice(0, 400)}`,
          ),
        ).toEqual([])
      }
    }
    await goTo('containers')
  })

  test('after a kill -9 of the app the container runs on, its port answers and its log is whole', async () => {
    const pid = running.app.process().pid as number
    process.kill(pid, 'SIGKILL')
    await waitUntil(() => spawnSync('kill', ['-0', String(pid)]).status !== 0, 'the end of the app')
    expect(await read(port)).toBe('harbour\n')
    running = await launchApp(home)
    await inState('web', 'running')
    await inState('clock', 'running')
    await row('web').getByText('web', { exact: true }).click()
    expect(await read(port)).toBe('harbour\n')
    await row('clock').getByTestId('row-logs').click()
    const log = page().getByTestId('dock').getByTestId('log-view').last()
    await log
      .getByText(/^tick \d+$/)
      .first()
      .waitFor()
    const ticks = (await log.innerText()).match(/tick \d+/g)?.map((line) => Number(line.slice(5))) ?? []
    ticks.slice(1).forEach((tick, index) => {
      expect(tick === 1 || tick === (ticks[index] ?? 0) + 1).toBe(true)
    })
  })

  test('many are killed and started at once', async () => {
    for (const name of ['web', 'clock']) await row(name).getByRole('checkbox').check()
    const bulk = page().getByTestId('bulk-bar')
    await bulk.getByRole('button', { name: 'Kill' }).click()
    await inState('web', 'exited')
    await inState('clock', 'exited')
    await bulk.getByRole('button', { name: 'Start', exact: true }).click()
    await inState('web', 'running')
    await inState('clock', 'running')
    await waitUntil(async () => (await read(port).catch(() => '')) === 'harbour\n', 'the port that is published again')
  })

  test('many are removed at once, after a question', async () => {
    await page().getByRole('checkbox', { name: 'Select all' }).check()
    await page().getByTestId('bulk-bar').getByRole('button', { name: 'Remove…' }).click()
    await takePicture(page(), 'confirm')
    await page().getByTestId('confirm').click()
    await waitUntil(async () => (await page().getByTestId('container-row').count()) === 0, 'an empty list')
    await waitUntil(async () => (await read(port).catch(() => 'closed')) === 'closed', 'the closed port')
  })

  test('the window speaks Korean', async () => {
    await goTo('settings')
    await page().getByTestId('language').getByText('한국어').click()
    expect(await page().getByTestId('nav-containers').innerText()).toContain('컨테이너')
    await goTo('images')
    await takePicture(page(), 'images-korean')
  })
})

async function run(page: Page, { name, command, isTty = false }: { name: string; command: string; isTty?: boolean }) {
  await page.getByTestId('run-open').click()
  await page.getByTestId('run-name').fill(name)
  await page.getByTestId('run-command').fill(command)
  if (isTty) await page.getByTestId('run-tty').check()
  await page.getByTestId('run-submit').click()
  await page.locator(`[data-testid=container-row][data-name="${name}"]`).waitFor()
}

/** Notes the states that each layer is shown in. Runs in the window. */
function watchLayers(): void {
  const layers: Record<string, string[]> = {}
  Object.assign(window, { layers })
  new MutationObserver(() => {
    for (const row of document.querySelectorAll('[data-testid=layer]')) {
      const id = row.querySelector('.mono')?.textContent ?? ''
      layers[id] = [...(layers[id] ?? []), row.getAttribute('data-state') ?? '']
    }
  }).observe(document.body, { childList: true, subtree: true, attributes: true })
}

const helloArchive = (): Promise<Buffer> =>
  busyboxArchive(['test/hello:1'], {
    applets: ['sh', 'httpd', 'sleep', 'echo', 'stty', 'clear', 'vi', 'cat', 'ls', 'test'],
    // Long enough on its way for a person to see it.
    layers: [32_000_000, 24_000_000],
  })

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })

const read = async (port: number): Promise<string> =>
  (
    await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(3000), headers: { connection: 'close' } })
  ).text()
