import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PullProgress } from '../../../engine/contract/image.ts'
import { buildDockerArchive, buildTar } from '../../fixtures/archives.ts'
import { startEngine, type TestEngine } from '../../helpers/engine.ts'
import {
  type FaultyProxy,
  hasRegistry,
  startFaultyProxy,
  startRegistry,
  type TestRegistry,
} from '../../helpers/registry.ts'

describe.skipIf(!hasRegistry)('the layers of an image that is pulled', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slw-order-'))
  const { signal } = new AbortController()
  let test: TestEngine
  let real: TestRegistry
  let proxy: FaultyProxy
  beforeAll(async () => {
    ;[test, real] = await Promise.all([startEngine(), startRegistry()])
    proxy = await startFaultyProxy(real)
  })
  afterAll(async () => {
    await test?.destroy()
    await proxy?.stop()
    await real?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('are unpacked while others are still on their way, whichever comes first', async () => {
    const { image } = test.engine.services
    const file = path.join(folder, 'image.tar')
    const layers = await Promise.all(
      ['lowest', 'middle', 'highest'].map((name) => buildTar([{ name, content: randomBytes(300_000) }])),
    )
    writeFileSync(file, await buildDockerArchive(layers, { tags: [`${real.host}/order/box:1`] }))
    for await (const _ of image.importArchive(file, signal));
    for await (const _ of image.push({ reference: `${real.host}/order/box:1` }, signal));
    await image.remove(`${real.host}/order/box:1`, false)

    // The second blob that is asked for comes at once, the others once that has been unpacked.
    let release: () => void = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let asked = 0
    proxy.fault = async (request) => {
      if (request.method !== 'GET' || !request.url?.includes('/blobs/')) return false
      asked += 1
      // The first of all is the config.
      if (asked !== 1 && asked !== 3) await held
      return false
    }
    const seen: Extract<PullProgress, { type: 'layer' }>[] = []
    for await (const progress of image.pull({ reference: `${proxy.host}/order/box:1`, platform: '' }, signal)) {
      if (progress.type !== 'layer') continue
      seen.push(progress)
      if (progress.state === 'done') release()
    }
    const firstDone = seen.findIndex(({ state }) => state === 'done')
    const arrived = seen
      .slice(0, firstDone)
      .filter(({ state, currentBytes }) => state === 'downloading' && currentBytes > 0)
    expect(new Set(arrived.map(({ layer }) => layer))).toEqual(new Set([seen[firstDone]?.layer]))
    expect(seen.filter(({ state }) => state === 'done')).toHaveLength(3)
  }, 30_000)
})
