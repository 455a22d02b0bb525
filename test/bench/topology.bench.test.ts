import { rmSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { launchApp, makeHome, makeStarter, quitApp, type RunningApp, shutDown, whyNoWindow } from '../helpers/app.ts'
import { machine, median, noteLimit, table } from './lib/measure.ts'

const CONTAINERS = 200
const NETWORKS = 50
const FRAMES = 240
/** A frame at 60 a second. */
const FRAME_MS = 1000 / 60

type Call = (path: string, input: unknown) => Promise<{ ok: boolean; value: { id?: string; reference?: string } }>

describe.skipIf(whyNoWindow() !== '')('the topology of 200 containers on 50 networks', () => {
  const home = makeHome()
  let running: RunningApp
  const page = () => running.page

  beforeAll(async () => {
    running = await launchApp(home)
    await makeStarter(page())
    await page().evaluate(fill, { containers: CONTAINERS, networks: NETWORKS })
    await page().getByTestId('nav-topology').click()
    await page().locator('.topo-node').first().waitFor()
  }, 280_000)
  afterAll(async () => {
    if (running) await quitApp(running)
    shutDown(home)
    rmSync(home.base, { recursive: true, force: true })
    process.stdout.write(`\n${machine()}, software rendering\n\n${table()}\n`)
  }, 120_000)

  /** Milliseconds between frames while a pointer is dragged about, a step a frame. */
  const drag = async (from: { readonly x: number; readonly y: number }): Promise<number[]> => {
    await page().mouse.move(from.x, from.y)
    await page().mouse.down()
    const times = page().evaluate(frameTimes, FRAMES)
    let isOver = false
    void times.then(() => {
      isOver = true
    })
    for (let step = 0; !isOver; step += 1)
      await page().mouse.move(from.x + 120 * Math.sin(step / 12), from.y + 80 * Math.cos(step / 17))
    await page().mouse.up()
    return times
  }
  const note = (what: string, times: readonly number[]) => {
    const sorted = [...times].sort((a, b) => a - b)
    noteLimit(`${what}, median frame`, median(times), 'ms', Math.ceil(FRAME_MS))
    noteLimit(`${what}, p95 frame`, sorted[Math.floor(sorted.length * 0.95)] ?? 0, 'ms')
    expect(times.length).toBe(FRAMES)
  }
  const pane = async () => {
    const box = await page().locator('.react-flow__pane').boundingBox()
    if (!box) throw new Error('the picture has no place')
    return { x: box.x + box.width / 2, y: box.y + 12 }
  }

  test('pans, shown whole and close by', async () => {
    note('pan, everything in sight', await drag(await pane()))
    for (let times = 0; times < 8; times += 1) await page().getByRole('button', { name: 'Zoom in' }).click()
    note('pan, close by', await drag(await pane()))
  })

  test('pans while traffic is measured, and drags a node', async () => {
    // A hidden window measures nothing; this one is seen, so a sample comes every second meanwhile.
    await page().waitForTimeout(1500)
    note('pan while samples come', await drag(await pane()))
    await page().getByRole('button', { name: 'Show everything' }).click()
    const box = await page().locator('.topo-node[data-kind=container]').first().boundingBox()
    if (!box) throw new Error('a node has no place')
    note('drag of a node', await drag({ x: box.x + box.width / 2, y: box.y + box.height / 2 }))
  })
})

/** In the window: makes networks and containers, by the window's own calls. */
async function fill({ containers, networks }: { containers: number; networks: number }): Promise<void> {
  const { invoke } = (window as unknown as { slipway: { invoke: Call } }).slipway
  const must = async (path: string, input: unknown) => {
    const answer = await invoke(path, input)
    if (!answer.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`)
    return answer.value
  }
  for (let index = 0; index < networks; index += 1)
    await must('network.create', { name: `net${index}`, pools: [{ subnet: `10.212.${index}.0/24` }] })
  for (let index = 0; index < containers; index += 1) {
    const network = `net${index % networks}`
    const other = `net${(index * 7 + 3) % networks}`
    const endpoints = index % 4 === 0 && other !== network ? [{ network }, { network: other }] : [{ network }]
    await must('container.create', { image: 'slipway/starter', name: `c${index}`, network, endpoints })
  }
}

/** In the window: milliseconds from frame to frame. */
function frameTimes(count: number): Promise<number[]> {
  return new Promise((resolve) => {
    const times: number[] = []
    let last = performance.now()
    const tick = () => {
      const now = performance.now()
      times.push(now - last)
      last = now
      if (times.length < count) requestAnimationFrame(tick)
      else resolve(times)
    }
    requestAnimationFrame(tick)
  })
}
