import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { digestOf } from '../../../engine/lib/digest.ts'
import type { Registry } from '../../../engine/registry/registry.ts'
import { waitUntil } from '../../helpers/engine.ts'
import {
  createClient,
  type FaultyProxy,
  hasRegistry,
  LOGIN,
  startFaultyProxy,
  startRegistry,
  type TestRegistry,
} from '../../helpers/registry.ts'

const PART = 1_000_000
const SIZE = 5 * PART + 123
const PARTS = 6

describe.skipIf(!hasRegistry)('a large blob', () => {
  let folder = ''
  const bytes = randomBytes(SIZE)
  const digest = digestOf(bytes)
  let real: TestRegistry
  let proxy: FaultyProxy
  let registry: Registry
  /** `Range` of every request for the blob, in order. */
  let ranges: string[]
  let downloads = 0

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'slw-ranges-'))
    real = await startRegistry()
    proxy = await startFaultyProxy(real)
    registry = createClient(folder, { stallMs: 1000, partBytes: PART })
    const repository = await registry.open({ host: real.host, path: 'team/box' }, { access: 'pull,push' })
    const signal = new AbortController().signal
    const sized = { digest, size: SIZE, signal, onProgress: () => undefined }
    await repository.upload({ ...sized, source: { bytes }, mountFrom: [] })
  })
  beforeEach(() => {
    ranges = []
  })
  afterAll(async () => {
    await registry?.close()
    await proxy?.stop()
    await real?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  /** What a proxy does with each request for the blob, counted from 0. */
  type BlobFault = (
    index: number,
    answer: { request: IncomingMessage; response: ServerResponse; upstream: () => Promise<IncomingMessage> },
  ) => Promise<boolean> | boolean
  const onBlob = (fault: BlobFault) => {
    proxy.fault = (request, response, upstream) => {
      if (request.method !== 'GET' || !request.url?.includes('/blobs/')) return false
      ranges.push(request.headers.range ?? '')
      return fault(ranges.length - 1, { request, response, upstream })
    }
  }
  const download = async (signal = new AbortController().signal, credentials?: typeof LOGIN) => {
    const repository = await registry.open({ host: proxy.host, path: 'team/box' }, { access: 'pull', credentials })
    downloads += 1
    const file = path.join(folder, `blob-${downloads}`)
    const progress: number[] = []
    await repository.download({ digest, size: SIZE, file, signal, onProgress: (done) => progress.push(done) })
    expect(digestOf(readFileSync(file))).toBe(digest)
    rmSync(file)
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
    expect(progress.at(-1)).toBe(SIZE)
  }
  const begins = () => ranges.map((range) => Number(/^bytes=(\d+)-\d+$/.exec(range)?.[1] ?? -1))

  it('comes in ranges over several connections, each of the same content', async () => {
    const marks: unknown[] = []
    const held: (() => void)[] = []
    onBlob(async (index, { request }) => {
      marks.push(request.headers['if-range'])
      if (index === 0) return false
      // Nothing more is answered before three connections wait beside each other.
      await new Promise<void>((resolve) => {
        held.push(resolve)
        if (index >= 3) for (const go of held) go()
      })
      return false
    })
    await download()
    expect(begins().sort((a, b) => a - b)).toEqual(Array.from({ length: PARTS }, (_, part) => part * PART))
    expect(new Set(marks.slice(1))).toEqual(new Set([`"${digest}"`]))
  })

  it('comes in one answer from a server that knows no ranges', async () => {
    onBlob((_, { request }) => {
      delete request.headers.range
      return false
    })
    await download()
    expect(ranges).toHaveLength(1)
  })

  it('is taken up in each range where that was cut, cut short or left lying', async () => {
    onBlob(async (index, { request, response, upstream }) => {
      if (index % 2 === 1 || index > 8) return false
      const answer = await upstream()
      const chunks: Buffer[] = []
      for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk)
      const half = Buffer.concat(chunks).subarray(0, PART / 3)
      const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1])
      if (index === 2) {
        // Says itself that it gives less.
        const range = `bytes ${start}-${start + half.length - 1}/${SIZE}`
        response.writeHead(206, { 'content-range': range, 'content-length': half.length, etag: answer.headers.etag })
        response.end(half)
        return true
      }
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      // The fourth keeps its connection open and says nothing more.
      response.write(half, () => index !== 4 && response.destroy())
      return true
    })
    await download()
    expect(begins().filter((start) => start % PART !== 0).length).toBeGreaterThanOrEqual(3)
    expect(begins().every((start) => start >= 0)).toBe(true)
  })

  it.each([
    ['lies about which bytes it gives', 'bytes 0-999999/5000123'],
    ['lies about the size of the whole', `bytes 1000000-1999999/${SIZE + 1}`],
    ['does not say which bytes it gives', ''],
  ])('is read whole from a server that %s', async (_, lie) => {
    onBlob(async (index, { request, response, upstream }) => {
      if (index !== 1 || !request.headers.range) return false
      const answer = await upstream()
      const { 'content-range': truth, ...headers } = answer.headers
      response.writeHead(206, lie ? { ...headers, 'content-range': lie } : headers)
      answer.pipe(response)
      return truth !== undefined
    })
    await download()
    expect(ranges.at(-1)).toBe('')
  })

  it('is read whole when what the server has changes on the way', async () => {
    onBlob(async (index, { request }) => {
      if (index === 0) return false
      if (request.headers['if-range']) request.headers['if-range'] = '"another"'
      return false
    })
    await download()
    expect(ranges.at(-1)).toBe('')
  })

  it('is refused when a range is of other bytes', async () => {
    onBlob(async (index, { response, upstream }) => {
      if (index !== 3) return false
      const answer = await upstream()
      response.writeHead(206, answer.headers)
      for await (const chunk of answer as AsyncIterable<Buffer>) response.write(chunk.map((byte) => byte ^ 1))
      response.end()
      return true
    })
    await expect(download()).rejects.toMatchObject({ reason: 'blob.digest-mismatch' })
  })

  it('comes over fewer connections from a registry that turns further ones away', async () => {
    let open = 0
    let refusals = 0
    onBlob(async (_, { response, upstream }) => {
      if (open > 0) {
        refusals += 1
        response.writeHead(refusals % 2 ? 429 : 503, { 'retry-after': '0' }).end()
        return true
      }
      open += 1
      response.on('close', () => {
        open -= 1
      })
      const answer = await upstream()
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        response.write(chunk)
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      response.end()
      return true
    })
    await download()
    expect(refusals).toBeGreaterThan(0)
  })

  it('takes no credentials to the host that its ranges lie on', async () => {
    const elsewhere = await startFaultyProxy(real)
    const seen: unknown[] = []
    elsewhere.fault = (request) => {
      seen.push(request.headers.authorization)
      return false
    }
    onBlob((_, { request, response }) => {
      if (request.headers.authorization) response.writeHead(307, { location: `http://${elsewhere.host}${request.url}` })
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="harbour"' })
      response.end()
      return true
    })
    await download(undefined, LOGIN)
    await elsewhere.stop()
    expect(seen).toEqual(Array.from({ length: PARTS }, () => undefined))
  })

  it('lets go of every range when it is canceled', async () => {
    const stop = new AbortController()
    const open = new Set<ServerResponse>()
    let opened = 0
    onBlob(async (index, { response, upstream }) => {
      if (index === 0) return false
      // Before anything is waited for: a connection that ends meanwhile says so once.
      open.add(response)
      opened += 1
      response.on('close', () => open.delete(response))
      const answer = await upstream()
      if (!response.destroyed) {
        response.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.once('data', (chunk) => response.destroyed || response.write(chunk))
      }
      if (index === 3) stop.abort()
      return true
    })
    await expect(download(stop.signal)).rejects.toThrow()
    await waitUntil(() => open.size === 0, 'the end of every connection')
    expect(opened).toBeGreaterThanOrEqual(3)
  })
})
