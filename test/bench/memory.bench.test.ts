import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildDockerArchive, buildTar } from '../fixtures/archives.ts'
import { busyboxArchive, hasDocker } from '../helpers/docker.ts'
import { askApi } from '../helpers/survival/api.ts'
import { type Headless, startHeadless } from './lib/headless.ts'
import { machine, median, noteLimit, table } from './lib/measure.ts'
import { taken } from './lib/sides.ts'

const IMAGE = 'bench/box:1'
/** Of one layer of random bytes, in MB. */
const LAYER_SIZES = [50, 200, 800]
const SAMPLE_MS = 20
const LIVES = 2000
/** The heap has found its size by then. */
const FIRST_LIVES = 200
/** A heap rises until it is collected: one look at it tells when that was, the middle of several whether it grows. */
const SAMPLES = 10
const LIVES_A_SAMPLE = 10
const exec = promisify(execFile)

let engine: Headless
let work: string

/** A container's whole life, by the API of the engine alone. */
async function liveOnce(): Promise<void> {
  const made = await askApi(engine.socket, 'POST', '/containers/create', { Image: IMAGE, Cmd: ['true'] })
  const { Id } = JSON.parse(made.body.toString()) as { Id: string }
  const calls = [
    ['POST', 'start'],
    ['POST', 'wait'],
    ['DELETE', ''],
  ] as const
  for (const [method, call] of calls) {
    const { status } = await askApi(engine.socket, method, `/containers/${Id}${call && `/${call}`}`)
    expect(status).toBeLessThan(300)
  }
}
/** What engine and keeper hold once things have calmed down. */
async function atRest(): Promise<{ readonly descriptors: number; readonly memory: number }> {
  await new Promise((resolve) => setTimeout(resolve, 6000))
  return { descriptors: engine.descriptors(), memory: engine.memory() }
}

beforeAll(async () => {
  work = mkdtempSync('/tmp/slb-lives-')
  const archive = await busyboxArchive([IMAGE], { applets: ['sh', 'true'] })
  engine = await startHeadless()
  writeFileSync(path.join(work, 'box.tar'), archive)
  expect((await askApi(engine.socket, 'POST', '/images/load', archive)).status).toBe(200)
}, 120_000)
afterAll(async () => {
  await engine?.stop()
  if (work) rmSync(work, { recursive: true, force: true })
  process.stdout.write(`\n${machine()}\n\n${table()}\n`)
}, 60_000)

test('thousands of lives leave memory and descriptors as they were', async () => {
  const memory: number[] = []
  const live = async (lives: number) => {
    for (let life = 1; life <= lives; life += 1) {
      await liveOnce()
      if (life % LIVES_A_SAMPLE === 0) memory.push(engine.memory())
    }
    return median(memory.slice(-SAMPLES))
  }
  const [memoryBefore, before] = [await live(FIRST_LIVES), await atRest()]
  let memoryAfter = 0
  const milliseconds = await taken(async () => {
    memoryAfter = await live(LIVES)
  })
  const after = await atRest()
  noteLimit(`a life, mean of ${LIVES} in a row`, milliseconds / LIVES, 'ms')
  noteLimit(`engine and keeper grow in ${LIVES} lives, at rest`, after.memory - before.memory, 'MiB', 20)
  noteLimit(`engine and keeper grow in ${LIVES} lives, at work`, memoryAfter - memoryBefore, 'MiB', 20)
  noteLimit(`descriptors more after ${LIVES} lives`, after.descriptors - before.descriptors, '', 0)
}, 900_000)

test.skipIf(!hasDocker)(
  'a load takes the same memory whatever the size of its layers',
  async () => {
    const grown: number[] = []
    for (const size of LAYER_SIZES) {
      const file = path.join(work, 'large.tar')
      const layer = await buildTar([{ name: 'large', content: randomBytes(size * 1_000_000) }])
      writeFileSync(file, await buildDockerArchive([layer], { tags: ['bench/large:1'] }))
      const before = engine.memory()
      let most = before
      const sampling = setInterval(() => {
        most = Math.max(most, engine.memory())
      }, SAMPLE_MS)
      try {
        await docker('load', '--input', file)
      } finally {
        clearInterval(sampling)
      }
      await docker('rmi', 'bench/large:1')
      grown.push(most - before)
      noteLimit(`engine and keeper grow at most while a layer of ${size} MB is loaded`, most - before, 'MiB')
    }
    const [small = 0, , large = 0] = grown
    noteLimit('more of it for 800 MB than for 50 MB', Math.max(0, large - small), 'MiB', 50)
    expect(grown).toHaveLength(LAYER_SIZES.length)
  },
  300_000,
)

const docker = (...args: string[]) => exec('docker', ['--host', `unix://${engine.socket}`, ...args])
