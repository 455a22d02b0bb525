import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Page } from '@playwright/test'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  appEnvironment,
  appFolders,
  launchApp,
  leaveNothing,
  makeHome,
  makeStarter,
  quitApp,
  whyNoWindow,
} from '../helpers/app.ts'
import { launchPackaged } from '../helpers/packaged-app.ts'
import { machine, noteLimit, table } from './lib/measure.ts'
import { descendantsOf, pidIn, proportionalMiB } from './lib/processes.ts'

const ROWS = 1000
const RUNNING = [0, 20, 200]
/** The founding description wants five minutes: `SLIPWAY_IDLE_SECONDS=300`. */
const IDLE_SECONDS = Number(process.env['SLIPWAY_IDLE_SECONDS'] ?? 30)
/** An app from a package instead of the sources' own: `SLIPWAY_PACKAGED=dist/linux-unpacked/slipway`, after `npm run dist`. */
const PACKAGED = process.env['SLIPWAY_PACKAGED']
const TICKS_PER_SECOND = 100

type Call = (path: string, input: unknown) => Promise<{ ok: boolean; value: { id?: string } }>

describe.skipIf(whyNoWindow() !== '')('the window with many containers', () => {
  const home = makeHome()
  let running: { readonly pid: number; readonly page: Page; quit(): Promise<void> }
  const page = () => running.page
  const launch = async () => {
    if (!PACKAGED) {
      const app = await launchApp(home)
      return { page: app.page, pid: app.app.process().pid ?? 0, quit: () => quitApp(app) }
    }
    const {
      process: app,
      page,
      quit,
    } = await launchPackaged(
      (...args) => {
        const options = [...appFolders(home), ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), ...args]
        return spawn(PACKAGED, options, { env: appEnvironment(home), stdio: 'ignore' })
      },
      path.join(home.base, 'user'),
    )
    return { page, pid: app.pid ?? 0, quit }
  }

  beforeAll(async () => {
    running = await launch()
    await makeStarter(page())
    await page().getByTestId('nav-containers').click()
  }, 60_000)
  afterAll(async () => {
    await running?.quit()
    await leaveNothing(home, undefined)
    process.stdout.write(`\n${machine()}, software rendering${PACKAGED ? ', packaged' : ''}\n\n${table()}\n`)
  }, 300_000)

  /** Every process of the app, and the keeper. */
  const pids = () => {
    return [...new Set([...descendantsOf(running.pid), pidIn(path.join(home.runtimeDir, 'keeper.pid'))])]
  }
  const seconds = () => pids().reduce((sum, pid) => sum + cpuSeconds(pid), 0)

  test.each(RUNNING)('an idle app with %i containers', { timeout: IDLE_SECONDS * 1000 + 240_000 }, async (count) => {
    await page().evaluate(make, { from: await page().evaluate(countAll), to: count, isStarted: true })
    // Names, health and first samples settle.
    await page().waitForTimeout(5000)
    const before = seconds()
    await page().waitForTimeout(IDLE_SECONDS * 1000)
    const percent = ((seconds() - before) / IDLE_SECONDS) * 100
    noteLimit(`all processes of the app idle for ${IDLE_SECONDS} s, ${count} containers run`, percent, '% of a core')
    const weight = pids().reduce((sum, pid) => sum + proportionalMiB(pid), 0)
    noteLimit(`memory of all processes of the app, ${count} containers run`, weight, 'MiB')
    expect(weight).toBeGreaterThan(0)
  })

  test(`${ROWS} containers are listed, sorted, filtered and scrolled`, { timeout: 300_000 }, async () => {
    await page().evaluate(make, { from: await page().evaluate(countAll), to: ROWS, isStarted: false })
    await page()
      .locator(`.grid[aria-rowcount="${ROWS + 1}"]`)
      .waitFor()
    await page().waitForTimeout(3000)
    const during = async (what: string, work: () => Promise<void>) => {
      const frames = page().evaluate(watchFrames)
      await work()
      await page().waitForTimeout(300)
      await page().evaluate(() => void Object.assign(window, { areFramesOver: true }))
      noteLimit(`longest frame while ${ROWS} containers are ${what}`, Math.max(...(await frames)), 'ms', 50)
    }
    await during('listed', async () => {
      await page().getByTestId('nav-images').click()
      await page().getByTestId('nav-containers').click()
      await page().getByTestId('container-row').first().waitFor()
    })
    await during('sorted', async () => {
      for (const column of ['Name', 'Name', 'State', 'Name'])
        await page().locator('.grid-sort', { hasText: column }).first().click()
    })
    await during('filtered', async () => {
      await page().getByTestId('filter').pressSequentially('box99', { delay: 80 })
      await page().locator('[data-name=box99]').waitFor()
      await page().getByTestId('filter').fill('')
    })
    await during('scrolled', async () => {
      await page().locator('.grid').hover()
      for (let step = 0; step < 40; step += 1) await page().mouse.wheel(0, 400)
    })
    expect(await page().locator('.grid').getAttribute('aria-rowcount')).toBe(String(ROWS + 1))
  })
})

/** In the window: how many containers there are. */
async function countAll(): Promise<number> {
  const { invoke } = (window as unknown as { slipway: { invoke: Call } }).slipway
  return ((await invoke('container.list', {})).value as unknown as readonly unknown[]).length
}

/** In the window: makes containers until there are `to`, by the window's own calls, eight at a time. */
async function make({ from, to, isStarted }: { from: number; to: number; isStarted: boolean }): Promise<void> {
  const { invoke } = (window as unknown as { slipway: { invoke: Call } }).slipway
  const must = async (call: string, input: unknown) => {
    const answer = await invoke(call, input)
    if (!answer.ok) throw new Error(`${call}: ${JSON.stringify(answer)}`)
    return answer.value
  }
  let next = from
  const lane = async () => {
    while (next < to) {
      const index = next++
      const config = { image: 'slipway/starter', name: `box${index}`, command: ['sleep', '100000'] }
      const { id } = await must('container.create', config)
      if (isStarted) await must('container.start', { id })
    }
  }
  await Promise.all(Array.from({ length: 8 }, lane))
}

/** In the window: milliseconds from frame to frame until it is told to end. */
function watchFrames(): Promise<number[]> {
  const state = window as unknown as { areFramesOver?: boolean }
  state.areFramesOver = false
  return new Promise((resolve) => {
    const times: number[] = []
    let last = performance.now()
    const tick = () => {
      const now = performance.now()
      times.push(now - last)
      last = now
      if (state.areFramesOver) resolve(times)
      else requestAnimationFrame(tick)
    }
    requestAnimationFrame(tick)
  })
}

/** Processor time of a process until now (`utime` and `stime`, proc(5)). */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
