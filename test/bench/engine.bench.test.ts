import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildDockerArchive, buildTar } from '../fixtures/archives.ts'
import { request, startEngine, type TestEngine } from '../helpers/engine.ts'
import { startHeadless } from './lib/headless.ts'
import { machine, median, note, noteLimit, table, time } from './lib/measure.ts'
import { startDockerd, startPodman, type Yardstick } from './lib/yardsticks.ts'

const IMAGE = 'bench/busybox:1'
const LAYERS = 10
const REST_MS = 20_000
const IDLE_SECONDS = 30
const LAYER_BYTES = 35_000_000
const SMALL_FILE_BYTES = 20_000

let work: string
let engine: TestEngine
let others: Yardstick[]
let small: string
let large: string

const services = () => engine.engine.services
const cli = ({ client }: Yardstick, ...args: string[]) => {
  const { status, stderr } = spawnSync(client[0] as string, [...client.slice(1), ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${client.join(' ')} ${args.join(' ')}: ${stderr}`)
}
async function load(file: string): Promise<void> {
  for await (const _ of services().image.importArchive(file, new AbortController().signal)) {
    // The bench wants the end, not the way.
  }
}
async function liveOnce(): Promise<void> {
  const { container } = services()
  const { id } = await container.create(request({ image: IMAGE, command: ['true'] }))
  await container.start(id)
  await container.wait(id, new AbortController().signal)
  await container.remove(id, { force: true, volumes: true })
}

beforeAll(async () => {
  work = mkdtempSync(path.join(os.tmpdir(), 'slb-work-'))
  small = path.join(work, 'small.tar')
  large = path.join(work, 'large.tar')
  writeFileSync(small, await busyboxArchive())
  writeFileSync(large, await largeArchive())
  engine = await startEngine()
  others = [await startDockerd(), await startPodman()].filter((one): one is Yardstick => one !== null)
  await load(small)
  for (const other of others) cli(other, 'load', '--input', small)
}, 180_000)
afterAll(async () => {
  for (const other of others ?? []) await other.stop()
  await engine?.destroy()
  rmSync(work, { recursive: true, force: true })
  process.stdout.write(`\n${machine()}\n\n${table()}\n`)
}, 60_000)

test('a container lives: create, start, wait, remove', async () => {
  const ours = median(await time(20, liveOnce))
  const run = (other: Yardstick) =>
    time(10, () => cli(other, 'run', '--rm', ...other.runFlags, IMAGE, 'true')).then(median)
  for (const other of others) {
    const value = await run(other)
    note(
      'create → start → wait → remove of `true`',
      ours,
      { name: `${other.name} \`run --rm\``, value },
      other.name === 'dockerd' ? 0.4 : undefined,
    )
  }
  if (others.length === 0) note('create → start → wait → remove of `true`', ours, null)
  const parallel = median(await time(5, () => Promise.all(Array.from({ length: 16 }, liveOnce))))
  const perCore = (parallel / 16) * os.cpus().length
  note('16 in parallel, each per core', perCore, { name: 'one alone', value: ours }, 2)
  expect(ours).toBeGreaterThan(0)
})

test('a 350 MB image of ten layers is loaded', async () => {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const loads = await time(
    5,
    () => load(large),
    () => services().image.remove('bench/large:1', true),
  )
  delay.disable()
  const ours = median(loads)
  const folder = path.join(work, 'tar')
  const unpack = () => {
    for (let layer = 0; layer < LAYERS; layer += 1) {
      mkdirSync(path.join(folder, `${layer}`), { recursive: true })
      execFileSync('tar', ['-xf', path.join(work, `layer${layer}.tar`), '-C', path.join(folder, `${layer}`)])
    }
  }
  const tar = median(await time(3, unpack, () => rmSync(folder, { recursive: true, force: true })))
  note('load of 350 MB', ours, { name: '`tar -x`', value: tar }, 1.3)
  for (const other of others) {
    const value = median(
      await time(
        3,
        () => cli(other, 'load', '--input', large),
        () => cli(other, 'rmi', 'bench/large:1'),
      ),
    )
    note('load of 350 MB', ours, { name: other.name, value }, other.name === 'dockerd' ? 0.8 : undefined)
  }
  noteLimit('event-loop delay p99 during the load', delay.percentile(99) / 1e6, 'ms', 20)
  expect(loads.length).toBe(5)
})

test('an idle engine costs little', { timeout: 120_000 }, async () => {
  const idle = await startHeadless()
  try {
    // What a start leaves to collect and to compile is not idleness.
    await sleep(REST_MS)
    const before = idle.processorSeconds()
    await sleep(IDLE_SECONDS * 1000)
    const share = (idle.processorSeconds() - before) / IDLE_SECONDS
    noteLimit(`idle CPU of engine and keeper, ${IDLE_SECONDS} seconds`, share * 100, '%', 0.5)
    const resident = idle.memory()
    noteLimit('engine and keeper resident', resident, 'MiB')
    expect(resident).toBeGreaterThan(0)
  } finally {
    await idle.stop()
  }
})

async function busyboxArchive(): Promise<Buffer> {
  const layer = await buildTar([
    { name: 'bin/', type: 'directory', mode: 0o755 },
    { name: 'bin/busybox', mode: 0o755, content: readFileSync('/bin/busybox') },
    { name: 'bin/true', type: 'symlink', linkname: 'busybox' },
    { name: 'bin/sh', type: 'symlink', linkname: 'busybox' },
  ])
  return buildDockerArchive([layer], { tags: [IMAGE] })
}

/** Ten layers of one big file and many small ones, as images of programs are; the bytes do not compress. */
async function largeArchive(): Promise<Buffer> {
  const layers: Buffer[] = []
  for (let layer = 0; layer < LAYERS; layer += 1) {
    const smalls = Array.from({ length: 400 }, (_, file) => ({
      name: `usr/lib/part${layer}/file${file}`,
      content: randomBytes(SMALL_FILE_BYTES),
    }))
    const big = { name: `usr/lib/part${layer}/big`, content: randomBytes(LAYER_BYTES - 400 * SMALL_FILE_BYTES) }
    const bytes = await buildTar([{ name: `usr/lib/part${layer}/`, type: 'directory' }, big, ...smalls])
    layers.push(bytes)
    writeFileSync(path.join(work, `layer${layer}.tar`), bytes)
  }
  return buildDockerArchive(layers, { tags: ['bench/large:1'] })
}
