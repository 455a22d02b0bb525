import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inParallel } from '../../engine/lib/async.ts'
import { busyboxArchive, hasDocker } from '../helpers/docker.ts'
import { type Headless, startHeadless } from './lib/headless.ts'
import { machine, noteLimit, table } from './lib/measure.ts'
import { compare, type Side, sidesOf, taken } from './lib/sides.ts'
import { startDockerd, type Yardstick } from './lib/yardsticks.ts'

const IMAGE = 'bench/box:1'
const LISTED = 500
const LINES = 1_000_000
const LOGS = ['--log-opt', 'max-size=1g']
const exec = promisify(execFile)

/** The same with what it prints thrown away, which a capture would slow down. */
const silent = (argv: readonly string[], command: string) =>
  exec('sh', ['-c', `${argv.join(' ')} ${command} > /dev/null`])

let engine: Headless
let dockerd: Yardstick | null
let work: string
let sides: Side[]
let before = 0

beforeAll(async () => {
  if (!hasDocker) return
  work = mkdtempSync('/tmp/slb-api-')
  const archive = path.join(work, 'box.tar')
  writeFileSync(archive, await busyboxArchive([IMAGE], { applets: ['sh', 'true', 'sleep', 'seq', 'cat'] }))
  engine = await startHeadless()
  dockerd = await startDockerd()
  sides = sidesOf(engine, dockerd)
  for (const { docker } of sides) {
    await docker('load', '--input', archive)
    await docker('run', '-d', '--name', 'stays', IMAGE, 'sleep', '3600')
  }
  before = engine.memory()
}, 120_000)
afterAll(async () => {
  for (const { docker } of sides ?? []) await docker('rm', '-f', 'stays').catch(() => {})
  await dockerd?.stop()
  await engine?.stop()
  if (work) rmSync(work, { recursive: true, force: true })
  process.stdout.write(`\n${machine()}\n\n${table()}\n`)
}, 120_000)

test.skipIf(!hasDocker)('docker run and docker exec', async () => {
  await compare('`docker run --rm busybox true`', sides, { goal: 0.45, runs: 10 }, ({ docker }) =>
    taken(() => docker('run', '--rm', IMAGE, 'true')),
  )
  await compare('`docker exec` of `true`', sides, { goal: 0.5, runs: 10 }, ({ docker }) =>
    taken(() => docker('exec', 'stays', 'true')),
  )
})

test.skipIf(!hasDocker)('50 containers at once', async () => {
  await compare('50 parallel `docker run --rm`', sides, { goal: 0.5, runs: 2 }, ({ docker }) =>
    taken(() => Promise.all(Array.from({ length: 50 }, () => docker('run', '--rm', IMAGE, 'true')))),
  )
})

test.skipIf(!hasDocker)('a log of a million lines', async () => {
  for (const { docker } of sides) await docker('run', '--name', 'said', ...LOGS, IMAGE, 'sh', '-c', `seq 1 ${LINES}`)
  await compare(`\`docker logs\` of ${LINES} lines`, sides, { goal: 1, runs: 3 }, ({ argv }) =>
    taken(() => silent(argv, 'logs said')),
  )
  for (const { docker } of sides) await docker('rm', 'said')
})

test.skipIf(!hasDocker)('a copy of a gigabyte', async () => {
  const file = path.join(work, 'gigabyte')
  await exec('dd', ['if=/dev/zero', `of=${file}`, 'bs=1M', 'count=1024'])
  await compare('`docker cp` of 1 GB in', sides, { goal: 1, runs: 2 }, ({ docker }) =>
    taken(() => docker('cp', file, 'stays:/tmp/gigabyte')),
  )
  await compare('`docker cp` of 1 GB out', sides, { goal: 1, runs: 2 }, ({ argv }) =>
    taken(() => silent(argv, 'cp stays:/tmp/gigabyte -')),
  )
})

test.skipIf(!hasDocker)('a list of 500 containers', async () => {
  for (const { docker } of sides)
    await inParallel(8, Array.from({ length: LISTED }), () => docker('create', IMAGE, 'true').then(() => {}))
  await compare(`\`docker ps -a\` with ${LISTED} containers`, sides, { goal: 0.5, runs: 10 }, ({ docker }) =>
    taken(() => docker('ps', '-a')),
  )
})

test.skipIf(!hasDocker)('the engine forgets', async () => {
  await new Promise((resolve) => setTimeout(resolve, 6000))
  noteLimit('memory of engine and keeper after all that, above before', engine.memory() - before, 'MiB', 50)
  expect(before).toBeGreaterThan(0)
})
