import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildConfig, buildDockerArchive, buildTar, hex } from '../fixtures/archives.ts'
import { startEngine, type TestEngine } from '../helpers/engine.ts'
import { hasRegistry, startRegistry, type TestRegistry } from '../helpers/registry.ts'
import { machine, median, note, noteLimit, table, time } from './lib/measure.ts'
import { startDockerd, startPodman, type Yardstick } from './lib/yardsticks.ts'

const LAYERS = 10
const LAYER_BYTES = 35_000_000
const SMALL_FILE_BYTES = 20_000
const MANY = 1000
const RUNS = 3

let work: string
let engine: TestEngine
let others: Yardstick[]
let registry: TestRegistry
let name: string
const signal = new AbortController().signal
const services = () => engine.engine.services

function run(argv: readonly string[]): void {
  const [command = '', ...args] = argv
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${stderr}`)
}
const cli = ({ client }: Yardstick, ...args: string[]) => run([...client, ...args])
const plain = (other: Yardstick) => (other.name === 'podman' ? ['--tls-verify=false'] : [])
async function drain(work: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of work) {
    // The bench wants the end, not the way.
  }
}

beforeAll(async () => {
  if (!hasRegistry) return
  work = mkdtempSync(path.join(os.tmpdir(), 'slb-images-'))
  writeFileSync(path.join(work, 'large.tar'), await largeArchive())
  registry = await startRegistry()
  name = `${registry.host}/bench/large:1`
  // skopeo compresses the layers, as every client does that pushes to a public registry.
  const copy = ['copy', '--quiet', '--dest-tls-verify=false', `docker-archive:${work}/large.tar`, `docker://${name}`]
  execFileSync('skopeo', ['--insecure-policy', ...copy])
  rmSync(path.join(work, 'large.tar'))
  engine = await startEngine()
  others = [await startDockerd(), await startPodman()].filter((one): one is Yardstick => one !== null)
}, 300_000)
afterAll(async () => {
  for (const other of others ?? []) await other.stop()
  await engine?.destroy()
  await registry?.stop()
  if (work) rmSync(work, { recursive: true, force: true })
  process.stdout.write(`\n${machine()}\n\n${table()}\n`)
}, 60_000)

test.skipIf(!hasRegistry)('a 350 MB image of ten compressed layers is pulled', { timeout: 600_000 }, async () => {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const pull = () => drain(services().image.pull({ reference: name, platform: '' }, signal))
  const ours = median(await time(RUNS, pull, () => services().image.remove(name, true)))
  delay.disable()
  for (const other of others) {
    const theirs = () => cli(other, 'pull', '--quiet', ...plain(other), name)
    const value = median(await time(RUNS, theirs, () => cli(other, 'rmi', name)))
    note('pull of 350 MB, ten layers', ours, { name: other.name, value }, other.name === 'dockerd' ? 0.7 : undefined)
  }
  const copy = () =>
    run([
      'skopeo',
      '--insecure-policy',
      'copy',
      '--quiet',
      '--src-tls-verify=false',
      `docker://${name}`,
      `dir:${work}/copy`,
    ])
  const value = median(await time(RUNS, copy, () => rmSync(`${work}/copy`, { recursive: true, force: true })))
  note('pull of 350 MB, ten layers', ours, { name: 'skopeo to a folder, not unpacked', value })
  noteLimit('event-loop delay p99 during the pull', delay.percentile(99) / 1e6, 'ms', 20)
  expect(ours).toBeGreaterThan(0)
})

test.skipIf(!hasRegistry)('it is pushed to a registry that has nothing of it', { timeout: 600_000 }, async () => {
  await drain(services().image.pull({ reference: name, platform: '' }, signal))
  const pushes = async (push: (target: string) => Promise<unknown> | unknown) => {
    const times: number[] = []
    for (let turn = 0; turn < RUNS; turn += 1) {
      const empty = await startRegistry()
      const target = `${empty.host}/bench/large:1`
      const started = performance.now()
      await push(target)
      times.push(performance.now() - started)
      await empty.stop()
    }
    return median(times)
  }
  const ours = await pushes(async (target) => {
    await services().image.tag(name, target)
    await drain(services().image.push({ reference: target }, signal))
    await services().image.remove(target, false)
  })
  for (const other of others) {
    cli(other, 'pull', '--quiet', ...plain(other), name)
    const value = await pushes((target) => {
      cli(other, 'tag', name, target)
      cli(other, 'push', ...plain(other), target)
      cli(other, 'rmi', target)
    })
    note('push of 350 MB', ours, { name: other.name, value }, other.name === 'dockerd' ? 1 : undefined)
  }
  expect(ours).toBeGreaterThan(0)
})

test.skipIf(!hasRegistry)('it is saved to a file', { timeout: 600_000 }, async () => {
  const file = path.join(work, 'saved.tar')
  const away = () => rmSync(file, { force: true })
  const ours = median(await time(RUNS, () => drain(services().image.saveToFile([name], file, signal)), away))
  for (const other of others) {
    const value = median(await time(RUNS, () => cli(other, 'save', '--output', file, name), away))
    note('save of 350 MB', ours, { name: other.name, value }, other.name === 'dockerd' ? 1 : undefined)
  }
  expect(ours).toBeGreaterThan(0)
})

test(`${MANY} images are listed`, { timeout: 600_000 }, async () => {
  if (!engine) return
  const file = path.join(work, 'many.tar')
  writeFileSync(file, await manyArchive())
  await drain(services().image.importArchive(file, signal))
  const times = await time(20, () => services().image.list())
  expect((await services().image.list()).length).toBeGreaterThanOrEqual(MANY)
  noteLimit(`list of ${MANY} images`, median(times), 'ms', 50)
})

/** Ten layers of one big file and many small ones, half of the bytes compressible. */
async function largeArchive(): Promise<Buffer> {
  const layers: Buffer[] = []
  const half = (bytes: number) => Buffer.concat([randomBytes(bytes / 2), Buffer.alloc(bytes / 2, 'slipway ')])
  for (let layer = 0; layer < LAYERS; layer += 1) {
    const folder = `usr/lib/part${layer}`
    const smalls = Array.from({ length: 400 }, (_, file) => ({
      name: `${folder}/file${file}`,
      content: half(SMALL_FILE_BYTES),
    }))
    const big = { name: `${folder}/big`, content: half(LAYER_BYTES - 400 * SMALL_FILE_BYTES) }
    layers.push(await buildTar([{ name: `${folder}/`, type: 'directory' }, big, ...smalls]))
  }
  return buildDockerArchive(layers, { tags: ['bench/large:1'] })
}

/** Images that differ in their labels alone. */
async function manyArchive(): Promise<Buffer> {
  const layer = await buildTar([{ name: 'one', content: 'file' }])
  const configs = Array.from({ length: MANY }, (_, index) =>
    buildConfig([layer], { config: { Labels: { index: String(index) } } }),
  )
  const manifest = configs.map((config, index) => ({
    Config: `${hex(config)}.json`,
    RepoTags: [`bench/many:${index}`],
    Layers: [`${hex(layer)}.tar`],
  }))
  return buildTar([
    { name: `${hex(layer)}.tar`, content: layer },
    ...configs.map((config) => ({ name: `${hex(config)}.json`, content: config })),
    { name: 'manifest.json', content: JSON.stringify(manifest) },
  ])
}
