import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildConfig, buildTar, hex } from '../../fixtures/archives.ts'
import { waitUntil } from '../../helpers/engine.ts'
import { createRandom, SEED } from '../../helpers/random.ts'
import { hasRegistry, startRegistry, type TestRegistry } from '../../helpers/registry.ts'
import { findDamage, findGarbage } from '../../helpers/verify-store.ts'

/** More points for a long look: `SLIPWAY_KILL_POINTS=50`, and other ones with `SLIPWAY_TEST_SEED`. */
const POINTS = Number(process.env['SLIPWAY_KILL_POINTS'] ?? 8)
const LATEST_MS = 250
const NOISE_BYTES = 4_000_000
/** Who dies: the engine, the keeper, or both. */
const VICTIMS = ['engine', 'keeper', 'both'] as const

describe.skipIf(!hasRegistry)('engine and keeper that are killed at random points of their work on images', () => {
  const base = mkdtempSync(path.join(os.tmpdir(), 'slk-'))
  const root = path.join(base, 'root')
  const socketPath = path.join(base, 'run/docker.sock')
  const folders = ['--root', root, '--runtime-dir', path.join(base, 'run')]
  const entry = path.resolve('out/main/engine.js')
  const archive = path.join(base, 'box.tar')
  let engine: ChildProcess
  let registry: TestRegistry

  const start = async () => {
    engine = spawn(process.execPath, [entry, ...folders], { stdio: ['ignore', 'pipe', 'ignore'] })
    await once(engine.stdout as NodeJS.ReadableStream, 'data')
  }
  /** A call to its end; one that breaks off is fine. */
  const call = (method: string, target: string, body?: Readable): Promise<string> =>
    new Promise((resolve) => {
      const isArchive = target === '/images/load'
      const type = { 'content-type': isArchive ? 'application/x-tar' : 'application/json' }
      const headers = { 'x-registry-auth': 'e30=', ...(body ? type : {}) }
      const request = http.request({ socketPath, method, path: target, headers }, (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += String(chunk)
        })
        response.on('close', () => resolve(text))
      })
      request.on('error', () => resolve(''))
      if (body) body.pipe(request)
      else request.end()
    })
  const name = () => `${registry.host}/kill/box`
  const random = createRandom(SEED)
  const post = (target: string) => call('POST', target)
  const allUnused = encodeURIComponent('{"dangling":["false"]}')
  /** The six kinds of work that each point in turn is about. */
  const works: readonly (() => Promise<unknown>)[] = [
    () => post(`/images/create?fromImage=${name()}&tag=1`),
    () => post(`/images/${name()}/push?tag=1`),
    () => call('POST', '/images/load', createReadStream(archive)),
    () => post(`/commit?container=base&repo=test/made&tag=${random(3)}`),
    () => call('DELETE', `/images/${random(2) ? `${name()}:1` : `test/made:${random(3)}`}?force=1`),
    () => post(`/images/prune?filters=${allUnused}`),
  ]
  /** What goes on beside it: any of them, a save, and a name that goes from one image to another and back. */
  const others: readonly (() => Promise<unknown>)[] = [
    ...works,
    () => call('GET', '/images/get?names=test/base:1'),
    () => post(`/images/test/${random(2) ? 'base' : 'other'}:1/tag?repo=test/swap&tag=1`),
  ]
  /** 0 while there is none. */
  const keeperPid = () => {
    try {
      return Number(readFileSync(path.join(base, 'run/keeper.pid'), 'utf8'))
    } catch {
      return 0
    }
  }
  const hasKeeper = () => keeperPid() > 0 && existsSync(`/proc/${keeperPid()}`)
  const killEngine = async () => {
    const exited = once(engine, 'exit')
    engine.kill('SIGKILL')
    await exited
  }
  const isThere = async (image: string) => (await call('GET', `/images/${image}/json`)).includes('"Id"')

  beforeAll(async () => {
    registry = await startRegistry()
    await start()
    writeFileSync(archive, await twoImages())
    await call('POST', '/images/load', createReadStream(archive))
    await post('/images/test/other:1/tag?repo=test/swap&tag=1')
    for (const image of ['base', 'other']) {
      const body = JSON.stringify({ Image: `test/${image}:1`, Cmd: ['true'] })
      await call('POST', `/containers/create?name=${image}`, Readable.from([body]))
    }
    await call('POST', `/images/test/base:1/tag?repo=${name()}&tag=1`)
    await call('POST', `/images/${name()}/push?tag=1`)
  })
  afterAll(async () => {
    engine?.kill('SIGKILL')
    execFileSync(process.execPath, [entry, ...folders, '--shutdown'])
    await registry?.stop()
    rmSync(base, { recursive: true, force: true })
  })

  it(`finds a whole store again, ${POINTS} times (seed ${SEED})`, { timeout: 60_000 + POINTS * 10_000 }, async () => {
    for (let point = 0; point < POINTS; point += 1) {
      await waitUntil(hasKeeper, 'the next keeper')
      const victim = VICTIMS[point % VICTIMS.length]
      const main = works[(point + Math.floor(point / works.length)) % works.length] as () => Promise<unknown>
      const beside = Array.from({ length: 2 }, () => others[random(others.length)] as () => Promise<unknown>)
      const running = Promise.all([main, ...beside].map((work) => work()))
      const after = random(LATEST_MS)
      await new Promise((resolve) => setTimeout(resolve, after))
      if (victim !== 'engine') process.kill(keeperPid(), 'SIGKILL')
      if (victim !== 'keeper') await killEngine()
      await running
      if (victim !== 'keeper') await start()
      const where = { point, victim, after }
      expect({ ...where, damage: await findDamage(root) }).toEqual({ ...where, damage: [] })
      // A start takes away what was left, and what a keeper was still at when its engine died. Only an engine that goes
      // on has to be asked.
      if (victim === 'keeper') await post('/images/prune')
      await waitUntil(() => findGarbage(root).length === 0, `the removal of ${findGarbage(root)} at ${inspect(where)}`)
      const names = ['test/base:1', 'test/other:1', 'test/swap:1']
      expect({ ...where, lost: await filterAsync(names, async (one) => !(await isThere(one))) }).toEqual({
        ...where,
        lost: [],
      })
    }
    expect(await post(`/images/create?fromImage=${name()}&tag=1`)).toContain('Status: ')
    expect(await post(`/images/${name()}/push?tag=1`)).toContain('digest: sha256:')
    expect(await post('/commit?container=base')).toContain('sha256:')
  })
})

async function filterAsync<T>(values: readonly T[], test: (value: T) => Promise<boolean>): Promise<T[]> {
  const kept = await Promise.all(values.map(test))
  return values.filter((_, index) => kept[index])
}

/** Two images that share nothing but a layer of some MB, so that there is time to die in. */
async function twoImages(): Promise<Buffer> {
  const noise = await buildTar([{ name: 'noise', content: randomBytes(NOISE_BYTES) }])
  const [base, other] = await Promise.all(['base', 'other'].map((name) => buildTar([{ name, content: name }])))
  const images = [
    { layers: [noise, base as Buffer], tag: 'test/base:1' },
    { layers: [noise, other as Buffer], tag: 'test/other:1' },
  ].map(({ layers, tag }) => ({ layers, tag, config: buildConfig(layers) }))
  const files = new Map(
    images.flatMap(({ layers, config }) => [
      [`${hex(config)}.json`, config] as const,
      ...layers.map((layer) => [`${hex(layer)}.tar`, layer] as const),
    ]),
  )
  const manifest = images.map(({ layers, tag, config }) => ({
    Config: `${hex(config)}.json`,
    RepoTags: [tag],
    Layers: layers.map((layer) => `${hex(layer)}.tar`),
  }))
  return buildTar([
    ...[...files].map(([name, content]) => ({ name, content })),
    { name: 'manifest.json', content: JSON.stringify(manifest) },
  ])
}
