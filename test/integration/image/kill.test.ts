import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { busyboxArchive } from '../../helpers/docker.ts'
import { waitUntil } from '../../helpers/engine.ts'
import { hasRegistry, startRegistry, type TestRegistry } from '../../helpers/registry.ts'
import { findDamage, findGarbage } from '../../helpers/verify-store.ts'

/** More points for a long look: `SLIPWAY_KILL_POINTS=50`. */
const POINTS = Number(process.env['SLIPWAY_KILL_POINTS'] ?? 8)
const LATEST_MS = 250

describe.skipIf(!hasRegistry)('an engine that is killed at random points of its work on images', () => {
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
  const call = (method: string, target: string, body?: string): Promise<string> =>
    new Promise((resolve) => {
      const headers = { 'x-registry-auth': 'e30=', ...(body ? { 'content-type': 'application/x-tar' } : {}) }
      const request = http.request({ socketPath, method, path: target, headers }, (response) => {
        let text = ''
        response.on('data', (chunk) => {
          text += String(chunk)
        })
        response.on('close', () => resolve(text))
      })
      request.on('error', () => resolve(''))
      if (body) createReadStream(body).pipe(request)
      else request.end()
    })
  const name = () => `${registry.host}/kill/box`
  const works: readonly (() => Promise<unknown>)[] = [
    () => call('POST', `/images/create?fromImage=${name()}&tag=1`),
    () => call('POST', `/images/${name()}/push?tag=1`),
    () => call('POST', '/images/load', archive),
    () => call('POST', `/commit?container=base&repo=test/made&tag=${Math.floor(Math.random() * 3)}`),
    () => call('DELETE', `/images/${name()}:1?force=1`),
    () => call('DELETE', `/images/test/made:${Math.floor(Math.random() * 3)}?force=1`),
    () => call('POST', `/images/prune?filters=${encodeURIComponent('{"dangling":["false"]}')}`),
    () => call('GET', '/images/get?names=test/base:1'),
  ]

  beforeAll(async () => {
    registry = await startRegistry()
    await start()
    writeFileSync(archive, await busyboxArchive(['test/base:1']))
    await call('POST', '/images/load', archive)
    const body = path.join(base, 'create.json')
    writeFileSync(body, JSON.stringify({ Image: 'test/base:1', Cmd: ['true'] }))
    await new Promise<void>((resolve) => {
      const headers = { 'content-type': 'application/json' }
      const request = http.request(
        { socketPath, method: 'POST', path: '/containers/create?name=base', headers },
        (answer) => answer.resume().on('end', resolve),
      )
      createReadStream(body).pipe(request)
    })
    await call('POST', `/images/test/base:1/tag?repo=${name()}&tag=1`)
    await call('POST', `/images/${name()}/push?tag=1`)
  })
  afterAll(async () => {
    engine?.kill('SIGKILL')
    execFileSync(process.execPath, [entry, ...folders, '--shutdown'])
    await registry?.stop()
    rmSync(base, { recursive: true, force: true })
  })

  it(`finds a whole store again, ${POINTS} times`, { timeout: 60_000 + POINTS * 10_000 }, async () => {
    for (let point = 0; point < POINTS; point += 1) {
      const running = Promise.all(Array.from({ length: 3 }, () => works[Math.floor(Math.random() * works.length)]?.()))
      const after = Math.random() * LATEST_MS
      await new Promise((resolve) => setTimeout(resolve, after))
      const exited = once(engine, 'exit')
      engine.kill('SIGKILL')
      if (point % 2 === 1) process.kill(Number(readFileSync(path.join(base, 'run/keeper.pid'), 'utf8')), 'SIGKILL')
      await exited
      await running
      await start()
      expect({ point, after, damage: await findDamage(root) }).toEqual({ point, after, damage: [] })
      // What the keeper was still at when the engine died is taken away too.
      await waitUntil(() => findGarbage(root).length === 0, `the removal of ${findGarbage(root)} after ${after} ms`)
      expect(await call('GET', '/images/test/base:1/json')).toContain('test/base:1')
    }
    expect(await call('POST', `/images/create?fromImage=${name()}&tag=1`)).toContain('Status: ')
    expect(await call('POST', `/images/${name()}/push?tag=1`)).toContain('digest: sha256:')
    expect(await call('POST', '/commit?container=base')).toContain('sha256:')
  })
})
