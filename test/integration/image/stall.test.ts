import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf } from '../../../engine/lib/digest.ts'
import type { Registry } from '../../../engine/registry/registry.ts'
import {
  createClient,
  type FaultyProxy,
  hasRegistry,
  startFaultyProxy,
  startRegistry,
  type TestRegistry,
} from '../../helpers/registry.ts'

const SIZE = 3_000_000

describe.skipIf(!hasRegistry)('a registry that stops in the middle of its answer', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-stall-'))
  const bytes = randomBytes(SIZE)
  const digest = digestOf(bytes)
  const blob = { digest, size: SIZE, signal: new AbortController().signal, onProgress: () => undefined }
  let real: TestRegistry
  let proxy: FaultyProxy
  let registry: Registry
  beforeAll(async () => {
    real = await startRegistry()
    proxy = await startFaultyProxy(real)
    registry = createClient(folder, { stallMs: 1000 })
    const repository = await registry.open({ host: real.host, path: 'team/box' }, { access: 'pull,push' })
    await repository.upload({ ...blob, source: { bytes }, mountFrom: [] })
  })
  afterAll(async () => {
    await registry?.close()
    await proxy?.stop()
    await real?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('is asked for the rest once it has been silent too long', async () => {
    const ranges: (string | undefined)[] = []
    proxy.fault = async (request, response, upstream) => {
      if (request.method !== 'GET' || !request.url?.includes('/blobs/')) return false
      ranges.push(request.headers.range)
      if (ranges.length > 2) return false
      const answer = await upstream()
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      let sent = 0
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        response.write(chunk)
        sent += chunk.length
        // The connection stays open, and nothing more comes.
        if (sent > SIZE / 4) break
      }
      return true
    }
    const repository = await registry.open({ host: proxy.host, path: 'team/box' }, { access: 'pull' })
    const file = path.join(folder, 'blob')
    await repository.download({ ...blob, file })
    expect(digestOf(readFileSync(file))).toBe(digest)
    expect(ranges).toHaveLength(3)
    expect(ranges[0]).toBeUndefined()
    expect(Number(/^bytes=(\d+)-/.exec(ranges[1] ?? '')?.[1])).toBeGreaterThan(SIZE / 8)
  })

  it('lets go of a download that is canceled while nothing comes', async () => {
    proxy.fault = (request) => request.method === 'GET' && Boolean(request.url?.includes('/blobs/'))
    const repository = await registry.open({ host: proxy.host, path: 'team/box' }, { access: 'pull' })
    const stop = new AbortController()
    const asked = repository.download({ ...blob, signal: stop.signal, file: path.join(folder, 'none') })
    setTimeout(() => stop.abort(), 1500)
    await expect(asked).rejects.toThrow()
  })
})
