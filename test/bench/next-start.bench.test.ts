import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  appEnvironment,
  launchApp,
  leaveNothing,
  makeHome,
  makeStarter,
  quitApp,
  type RunningApp,
  whyNoWindow,
} from '../helpers/app.ts'
import { waitUntil } from '../helpers/engine.ts'
import { askApi } from '../helpers/survival/api.ts'
import { machine, median, noteLimit, table } from './lib/measure.ts'

const COUNT = 50
const ROUNDS = 3
/** How many end without a word, are ended through the API and are started through it in a round. */
const CHANGES = { died: 10, ended: 10, started: 20 }

describe.skipIf(whyNoWindow() !== '')('the start after the world went on', () => {
  const home = makeHome()
  const socket = path.join(home.runtimeDir, 'docker.sock')
  let running: RunningApp
  /** What each container should be, by name. */
  const wanted = new Map<string, string>()

  const ask = async (method: string, target: string, body?: object): Promise<string> => {
    const answer = await askApi(socket, method, target, body)
    expect({ target, isGood: answer.status >= 200 && answer.status < 300 }).toEqual({ target, isGood: true })
    return answer.body.toString()
  }
  const named = (isRunning: boolean, count: number) =>
    [...wanted].flatMap(([name, state]) => ((state === 'running') === isRunning ? [name] : [])).slice(0, count)
  const pidOf = async (name: string) =>
    (JSON.parse(await ask('GET', `/containers/${name}/json`)) as { State: { Pid: number } }).State.Pid
  const change = async (names: readonly string[], state: string, work: (name: string) => Promise<unknown>) => {
    for (const name of names) {
      await work(name)
      wanted.set(name, state)
    }
  }
  /** The same engine without a window, for as long as `work` takes. */
  const withoutWindow = async (work: () => Promise<void>) => {
    const argv = [path.resolve('out/main/engine.js'), '--root', home.root, '--runtime-dir', home.runtimeDir]
    const engine = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'ignore'], env: appEnvironment(home) })
    await once(engine.stdout, 'data')
    await work()
    engine.kill('SIGTERM')
    await once(engine, 'exit')
  }

  beforeAll(async () => {
    // High enough for every row: what is not in view is not drawn.
    mkdirSync(path.join(home.base, 'user'))
    const bounds = { x: 0, y: 0, width: 1280, height: 2600 }
    writeFileSync(path.join(home.base, 'user/window.json'), JSON.stringify({ bounds, isMaximized: false }))
    running = await launchApp(home)
    await makeStarter(running.page)
    for (let index = 0; index < COUNT; index += 1) {
      const config = { Image: 'slipway/starter', Cmd: ['sleep', '100000'] }
      await ask('POST', `/containers/create?name=box${index}`, config)
      wanted.set(`box${index}`, 'created')
    }
    await change(named(false, COUNT * 0.6), 'running', (name) => ask('POST', `/containers/${name}/start`))
  }, 300_000)
  afterAll(async () => {
    await leaveNothing(home, running)
    process.stdout.write(`\n${machine()}, software rendering\n\n${table()}\n`)
  }, 300_000)

  test(`${COUNT} containers of which ${Object.values(CHANGES).reduce((a, b) => a + b)} changed`, async () => {
    const times: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const dying = named(true, CHANGES.died)
      const pids = await Promise.all(dying.map(pidOf))
      await quitApp(running)
      await withoutWindow(async () => {
        const idle = named(false, CHANGES.started)
        await change(named(true, CHANGES.died + CHANGES.ended).slice(CHANGES.died), 'exited', (name) =>
          ask('POST', `/containers/${name}/kill`),
        )
        await change(idle, 'running', (name) => ask('POST', `/containers/${name}/start`))
      })
      for (const pid of pids) process.kill(pid, 'SIGKILL')
      await change(dying, 'exited', async () => {})
      await waitUntil(() => pids.every(hasEnded), 'the end of what was killed')
      running = await launchApp(home)
      times.push(await running.page.evaluate(untilShown, Object.fromEntries(wanted)))
    }
    noteLimit(`a usable window to a list of ${COUNT} that is right, median`, median(times), 'ms', 1000)
    noteLimit(`the same, slowest of ${ROUNDS}`, Math.max(...times), 'ms', 1000)
    expect(times).toHaveLength(ROUNDS)
  }, 300_000)
})

function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch {
    return true
  }
}

/** In the window: milliseconds until every row shows what its container is, looked at with each frame. */
function untilShown(wanted: Readonly<Record<string, string>>): Promise<number> {
  const started = performance.now()
  const isRight = () => {
    const rows = [...document.querySelectorAll<HTMLElement>('[data-testid=container-row]')]
    const shown = rows.filter(({ dataset }) => wanted[dataset['name'] ?? ''] === dataset['status'])
    return shown.length === Object.keys(wanted).length && rows.length === shown.length
  }
  return new Promise((resolve) => {
    const look = () => {
      if (isRight()) resolve(performance.now() - started)
      else requestAnimationFrame(look)
    }
    look()
  })
}
