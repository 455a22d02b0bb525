import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { digestOf } from '../../../engine/lib/digest.ts'
import type { Registry } from '../../../engine/registry/registry.ts'
import { createLayout } from '../../../engine/store/layout.ts'
import { buildDockerArchive, buildTar } from '../../fixtures/archives.ts'
import { startEngine, type TestEngine } from '../../helpers/engine.ts'
import {
  createClient,
  type FaultyProxy,
  hasRegistry,
  startFaultyProxy,
  startRegistry,
  type TestRegistry,
} from '../../helpers/registry.ts'
import { listStore } from '../../helpers/store.ts'
import { findDamage, findGarbage } from '../../helpers/verify-store.ts'

const PART = 1_000_000
const LARGE = 5 * PART + 123
const SMALL = PART + 77
const { signal } = new AbortController()

describe.skipIf(!hasRegistry)('a mirror that fails in the middle of a pull', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-mirrors-'))
  const blobs = [LARGE, SMALL].map((size) => randomBytes(size))
  let real: TestRegistry
  /** Two mirrors and the registry itself, each behind a proxy that notes what is asked of it. */
  let first: FaultyProxy
  let second: FaultyProxy
  let itself: FaultyProxy
  let registry: Registry
  let test: TestEngine

  beforeAll(async () => {
    ;[real, test] = await Promise.all([startRegistry(), startEngine()])
    ;[first, second, itself] = (await Promise.all([1, 2, 3].map(() => startFaultyProxy(real)))) as [
      FaultyProxy,
      FaultyProxy,
      FaultyProxy,
    ]
    registry = createClient(folder, { stallMs: 1000, partBytes: PART })
    const mirrors = [first, second].map(({ host }) => ({ host: itself.host, url: `http://${host}` }))
    await registry.settings.write({ mirrors, insecure: [] })
    await test.engine.services.registry.setSettings({ mirrors, insecure: [] })
    const repository = await registry.open({ host: real.host, path: 'team/box' }, { access: 'pull,push' })
    for (const bytes of blobs) {
      const sized = { digest: digestOf(bytes), size: bytes.length, signal, onProgress: () => undefined }
      await repository.upload({ ...sized, source: { bytes }, mountFrom: [] })
    }
  })
  beforeEach(() => {
    for (const proxy of [first, second, itself]) {
      proxy.requests.length = 0
      proxy.fault = () => false
    }
  })
  afterAll(async () => {
    await registry?.close()
    await test?.destroy()
    for (const proxy of [first, second, itself]) await proxy?.stop()
    await real?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  type BlobFault = (
    answer: { request: IncomingMessage; response: ServerResponse; upstream: () => Promise<IncomingMessage> },
    index: number,
  ) => Promise<boolean> | boolean
  const onBlob = (proxy: FaultyProxy, fault: BlobFault) => {
    let index = 0
    proxy.fault = (request, response, upstream) => {
      if (request.method !== 'GET' || !request.url?.includes('/blobs/')) return false
      index += 1
      return fault({ request, response, upstream }, index - 1)
    }
  }
  /** Notes the ranges that are asked of a server that answers as it should. */
  const noteRanges = (proxy: FaultyProxy) => {
    const ranges: string[] = []
    onBlob(proxy, ({ request }) => {
      ranges.push(request.headers.range ?? '')
      return false
    })
    return ranges
  }
  const answerHalf =
    (change: (chunk: Buffer) => Buffer = (chunk) => chunk): BlobFault =>
    async ({ response, upstream }) => {
      const answer = await upstream()
      const chunks: Buffer[] = []
      for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk)
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      response.write(change(Buffer.concat(chunks).subarray(0, PART / 2)), () => response.destroy())
      return true
    }
  const refuse: BlobFault = ({ response }) => {
    response.destroy()
    return true
  }
  const lack: BlobFault = ({ response }) => {
    response.writeHead(404).end()
    return true
  }
  /** Whether a range begins where a connection broke off: of what it gave, the last of it may be lost. */
  const cutAt = (range: string) => {
    const [, start = 0, end] = /^bytes=(\d+)-(\d+)$/.exec(range)?.map(Number) ?? []
    return start > 0 && start <= PART / 2 && end === SMALL - 1
  }
  const open = () => registry.openSource({ host: itself.host, path: 'team/box' })
  let downloads = 0
  const download = async (source: Awaited<ReturnType<typeof open>>, bytes: Buffer) => {
    downloads += 1
    const file = path.join(folder, `blob-${downloads}`)
    const wanted = { digest: digestOf(bytes), size: bytes.length, file, signal, onProgress: () => undefined }
    await source.download(wanted)
    expect(readFileSync(file).equals(bytes)).toBe(true)
  }
  const asked = (proxy: FaultyProxy) => proxy.requests.filter((line) => line.includes('/blobs/')).length

  it('is left for the next one, which goes on where it broke off, and is not asked again', async () => {
    onBlob(first, (answer, index) => (index === 0 ? answerHalf()(answer, index) : refuse(answer, index)))
    const ranges = noteRanges(second)
    const source = await open()
    await download(source, blobs[1] as Buffer)
    expect(ranges.map(cutAt)).toEqual([true])
    const before = asked(first)
    await download(source, blobs[1] as Buffer)
    expect(asked(first)).toBe(before)
    expect(asked(itself)).toBe(0)
  })

  it('leaves of a large blob only the ranges that it did not give', async () => {
    onBlob(first, (answer, index) => index > 1 && refuse(answer, index))
    const ranges = noteRanges(second)
    await download(await open(), blobs[0] as Buffer)
    const begins = ranges.map((range) => Number(/^bytes=(\d+)-/.exec(range)?.[1]))
    expect(begins.sort((a, b) => a - b)).toEqual([2, 3, 4, 5].map((part) => part * PART))
  })

  it('does not spoil what comes after it: wrong bytes are fetched anew', async () => {
    const turned = (chunk: Buffer) => chunk.map((byte) => byte ^ 1) as Buffer
    onBlob(first, (answer, index) => (index === 0 ? answerHalf(turned)(answer, index) : refuse(answer, index)))
    const ranges = noteRanges(second)
    await download(await open(), blobs[1] as Buffer)
    // The rest of what was wrong, then all of it by the one that is not to blame.
    expect(ranges.map(cutAt)).toEqual([true, false])
    expect(ranges[1]).toBe('')
    expect(asked(itself)).toBe(0)
  })

  it('is still asked for further blobs when it merely lacks one', async () => {
    onBlob(first, (answer, index) => index === 0 && lack(answer, index))
    const source = await open()
    await download(source, blobs[1] as Buffer)
    expect(asked(second)).toBe(1)
    await download(source, blobs[1] as Buffer)
    expect([first, second, itself].map(asked)).toEqual([2, 1, 0])
  })

  it('is named beside the registry itself when that fails too', async () => {
    onBlob(first, refuse)
    onBlob(second, refuse)
    onBlob(itself, lack)
    const failed = download(await open(), blobs[1] as Buffer)
    await expect(failed).rejects.toMatchObject({
      code: 'notFound',
      message: expect.stringMatching(
        new RegExp(`^${itself.host} answers 404.*; its mirror ${first.host} failed before`),
      ),
    })
  })

  it('does not fail a pull, be it at the manifest, the config or the layers, and nothing is left over', async () => {
    const { image } = test.engine.services
    const layout = createLayout(test.config.root, test.config.runtimeDir)
    const layers = await Promise.all(['a', 'b', 'c'].map((name) => buildTar([{ name, content: randomBytes(SMALL) }])))
    const archive = path.join(folder, 'image.tar')
    writeFileSync(archive, await buildDockerArchive(layers, { tags: [`${real.host}/team/box:1`] }))
    for await (const _ of image.importArchive(archive, signal));
    for await (const _ of image.push({ reference: `${real.host}/team/box:1` }, signal));
    await image.remove(`${real.host}/team/box:1`, false)
    const empty = listStore(layout)
    const pull = async () => {
      for await (const _ of image.pull({ reference: `${itself.host}/team/box:1`, platform: '' }, signal));
      expect(await findDamage(test.config.root)).toEqual([])
      await image.remove(`${itself.host}/team/box:1`, false)
      expect(listStore(layout)).toEqual(empty)
    }

    first.fault = (request, response) => {
      if (!request.url?.includes('/manifests/')) return false
      response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' })
      response.write('{"schemaVersion":2,', () => response.destroy())
      return true
    }
    onBlob(second, refuse)
    await pull()
    expect(second.requests.some((line) => line.includes('/manifests/'))).toBe(true)
    expect(asked(itself)).toBe(4)

    // The config comes, then two of the layers in part.
    onBlob(first, (answer, index) => index > 0 && (index < 3 ? answerHalf()(answer, index) : refuse(answer, index)))
    onBlob(second, refuse)
    itself.requests.length = 0
    await pull()
    expect(itself.requests.some((line) => line.includes('/manifests/'))).toBe(false)
    expect(asked(itself)).toBe(3)

    for (const proxy of [second, itself]) onBlob(proxy, lack)
    await expect(pull()).rejects.toThrow(itself.host)
    expect(listStore(layout)).toEqual(empty)
    expect(findGarbage(test.config.root)).toEqual([])
    expect(readdirSync(layout.blobs)).toEqual([])
  })
})
