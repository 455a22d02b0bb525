import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf } from '../../../engine/lib/digest.ts'
import type { Registry } from '../../../engine/registry/registry.ts'
import {
  createClient,
  type Fault,
  type FaultyProxy,
  hasRegistry,
  startFaultyProxy,
  startRegistry,
  type TestRegistry,
} from '../../helpers/registry.ts'

const LIMIT = 4 * 1024 * 1024
const isLarge: (request: Parameters<Fault>[0]) => boolean = ({ method, headers }) =>
  method === 'PATCH' && Number(headers['content-length']) > LIMIT

describe.skipIf(!hasRegistry)('a registry that takes no more than 4 MiB at once', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-chunks-'))
  let real: TestRegistry
  let proxy: FaultyProxy
  let registry: Registry
  beforeAll(async () => {
    real = await startRegistry()
    proxy = await startFaultyProxy(real)
    registry = createClient(folder)
  })
  afterAll(async () => {
    await registry?.close()
    await proxy?.stop()
    await real?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it.each([
    ['says 416', (request, response) => isLarge(request) && Boolean(request.resume() && response.writeHead(416).end())],
    ['says 413', (request, response) => isLarge(request) && Boolean(request.resume() && response.writeHead(413).end())],
    ['hangs up', (request) => isLarge(request) && Boolean(request.socket.destroy())],
  ] as readonly (readonly [string, Fault])[])('and %s to more gets the layer in smaller pieces', async (_, fault) => {
    proxy.fault = fault
    proxy.requests.length = 0
    const bytes = randomBytes(2 * LIMIT + 1234)
    const digest = digestOf(bytes)
    const repository = await registry.open({ host: proxy.host, path: 'team/large' }, { access: 'pull,push' })
    const { signal } = new AbortController()
    const blob = { digest, size: bytes.length, mountFrom: [], signal, onProgress: () => undefined }
    expect(await repository.upload({ ...blob, source: { bytes } })).toBe('uploaded')
    const kept = await fetch(`http://${real.host}/v2/team/large/blobs/${digest}`)
    expect(Buffer.from(await kept.arrayBuffer()).equals(bytes)).toBe(true)
    expect(proxy.requests.filter((line) => line.startsWith('PATCH')).length).toBeGreaterThanOrEqual(4)
  })
})
