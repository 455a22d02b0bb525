import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchApp, makeHome, quitApp, type RunningApp, shutDown, whyNoWindow } from '../helpers/app.ts'
import { emptyElectronLaunches, emptyElectronMiB } from './lib/empty-electron.ts'
import { machine, median, note, noteLimit, table, time } from './lib/measure.ts'
import { childrenOf, pidIn, proportionalMiB } from './lib/processes.ts'

const FLOOD_SECONDS = 60
const MIB = 1024

describe.skipIf(whyNoWindow() !== '')('the window', () => {
  const home = makeHome()
  let running: RunningApp
  const page = () => running.page
  const rendererMiB = () =>
    running.app.evaluate(({ app }) =>
      app
        .getAppMetrics()
        .filter(({ type }) => type === 'Tab')
        .reduce((sum, { memory }) => sum + memory.workingSetSize, 0),
    )
  const run = async (name: string, command: string) => {
    await page().getByTestId('run-open').click()
    await page().getByTestId('run-name').fill(name)
    await page().getByTestId('run-command').fill(command)
    await page().getByTestId('run-submit').click()
    await page().locator(`[data-testid=container-row][data-name="${name}"][data-status=running]`).waitFor()
  }

  beforeAll(async () => {
    running = await launchApp(home)
    await page().getByTestId('starter-create').first().click()
    await page().getByTestId('run-open').first().waitFor()
    await run('shell', 'sleep 100000')
  }, 60_000)
  afterAll(async () => {
    if (running) await quitApp(running)
    shutDown(home)
    rmSync(home.base, { recursive: true, force: true })
    process.stdout.write(`\n${machine()}\n\n${table()}\n`)
  }, 60_000)

  test('a launch is usable soon', async () => {
    await quitApp(running)
    const times = await time(
      5,
      async () => {
        running = await launchApp(home)
      },
      () => quitApp(running),
    )
    running = await launchApp(home)
    const empty = median(await emptyElectronLaunches(home.base, 5))
    noteLimit('launch to a usable window, warm', median(times), 'ms', 1500)
    note('the same', median(times), { name: 'an empty Electron', value: empty })
    expect(times.length).toBe(5)
  }, 60_000)

  test.skipIf(process.getuid?.() !== 0)(
    'a launch from files that are not in memory is usable soon',
    async () => {
      const forget = async () => {
        await quitApp(running)
        execFileSync('sync')
        writeFileSync('/proc/sys/vm/drop_caches', '3')
      }
      await forget()
      const times = await time(
        3,
        async () => {
          running = await launchApp(home)
        },
        forget,
      )
      running = await launchApp(home)
      noteLimit('launch to a usable window, cold', median(times), 'ms')
      expect(times.length).toBe(3)
    },
    120_000,
  )

  test('an idle engine and its keeper weigh little more than an empty Electron', async () => {
    await page().waitForTimeout(5000)
    const main = running.app.process().pid as number
    const keeper = pidIn(path.join(home.runtimeDir, 'keeper.pid'))
    const before = [...childrenOf(main), ...childrenOf(keeper)]
    await page().waitForTimeout(10_000)
    expect([...childrenOf(main), ...childrenOf(keeper)]).toEqual(before)
    const ours = proportionalMiB(main) + proportionalMiB(keeper)
    noteLimit('engine and keeper above an empty Electron', ours - (await emptyElectronMiB(home.base)), 'MiB', 150)
    expect(ours).toBeGreaterThan(0)
  }, 60_000)

  test('a key is echoed soon', async () => {
    await page().locator('[data-name=shell]').getByTestId('row-terminal').click()
    await page().getByTestId('terminal').waitFor()
    await page().waitForTimeout(1000)
    const times = await page().evaluate(async () => {
      const { terminal } = document.querySelector('[data-testid=terminal]') as unknown as {
        terminal: { input(text: string): void; onWriteParsed(listener: () => void): { dispose(): void } }
      }
      const all: number[] = []
      for (let key = 0; key < 60; key += 1) {
        const started = performance.now()
        await new Promise<void>((resolve) => {
          const watch = terminal.onWriteParsed(() => {
            watch.dispose()
            resolve()
          })
          terminal.input('x')
        })
        all.push(performance.now() - started)
      }
      return all
    })
    noteLimit('key to echo in a terminal', median(times), 'ms', 20)
    expect(times.length).toBe(60)
  })

  test('a container that prints without end neither fills nor freezes the window', async () => {
    await run('flood', 'yes the quick brown fox jumps over the lazy dog')
    await page().locator('[data-name=flood]').getByTestId('row-logs').click()
    await page().waitForTimeout(3000)
    const before = await rendererMiB()
    let slowest = 0
    const until = Date.now() + FLOOD_SECONDS * 1000
    while (Date.now() < until) {
      const started = performance.now()
      await page().evaluate(() => new Promise(requestAnimationFrame))
      slowest = Math.max(slowest, performance.now() - started)
      await page().waitForTimeout(200)
    }
    noteLimit('renderer grows in a minute of flood', Math.max(0, (await rendererMiB()) - before) / MIB, 'MiB', 50)
    noteLimit('longest wait for a frame in the flood', slowest, 'ms')
    expect(slowest).toBeGreaterThan(0)
  })
})
