import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPushQueue } from '../../../engine/lib/async.ts'
import { createRegistry } from '../../../engine/registry/registry.ts'
import { createLayout } from '../../../engine/store/layout.ts'
import { buildConfig, buildDockerArchive, buildTar, digest } from '../../fixtures/archives.ts'
import { startEngine, type TestEngine } from '../../helpers/engine.ts'
import { hasRegistry, startRegistry } from '../../helpers/registry.ts'
import { listStore } from '../../helpers/store.ts'

const isRoot = process.getuid?.() === 0

describe.skipIf(!isRoot)('a disk that fills up in the middle of an import (needs root to mount a small one)', () => {
  let folder: string
  let test: TestEngine
  const earlier = process.env['SLIPWAY_TEST_FOLDER']
  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'slw-full-'))
    const disk = path.join(folder, 'disk')
    execFileSync('mkdir', [disk])
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk])
    process.env['SLIPWAY_TEST_FOLDER'] = disk
    test = await startEngine()
  })
  afterAll(async () => {
    await test?.destroy()
    if (earlier === undefined) delete process.env['SLIPWAY_TEST_FOLDER']
    else process.env['SLIPWAY_TEST_FOLDER'] = earlier
    execFileSync('umount', [path.join(folder, 'disk')])
    rmSync(folder, { recursive: true, force: true })
  })

  const importBytes = async (bytes: Buffer) => {
    const file = path.join(folder, 'archive')
    writeFileSync(file, bytes)
    const signal = new AbortController().signal
    const input = { path: file }
    for await (const _ of test.engine.handlers.image.importArchive(input, { signal, up: createPushQueue<never>() }));
  }
  const stored = () => listStore(createLayout(test.config.root, test.config.runtimeDir))

  it.skipIf(!hasRegistry)('says so in the middle of a pull too, and leaves nothing', async () => {
    const remote = await startRegistry()
    const registry = createRegistry({
      configFolder: folder,
      settingsFile: path.join(folder, 'registries.json'),
      insecure: [],
      runHelper: async () => ({ exitCode: 1, stdout: '' }),
    })
    const { signal } = new AbortController()
    try {
      const layers = await Promise.all(
        ['a', 'b', 'c'].map((name) => buildTar([{ name, content: randomBytes(9_000_000) }])),
      )
      const config = buildConfig(layers)
      const repository = await registry.open({ host: remote.host, path: 'full/box' }, { access: 'pull,push' })
      const sized = (bytes: Buffer) => ({ digest: digest(bytes), size: bytes.length })
      for (const bytes of [config, ...layers]) {
        await repository.upload({
          ...sized(bytes),
          source: { bytes },
          mountFrom: [],
          signal,
          onProgress: () => undefined,
        })
      }
      const mediaType = 'application/vnd.oci.image.manifest.v1+json'
      const layerType = 'application/vnd.oci.image.layer.v1.tar'
      const manifest = {
        schemaVersion: 2,
        mediaType,
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...sized(config) },
        layers: layers.map((layer) => ({ mediaType: layerType, ...sized(layer) })),
      }
      await repository.putManifest({ tag: '1', bytes: Buffer.from(JSON.stringify(manifest)), mediaType, signal })
      const before = stored()
      const pull = async () => {
        const input = { reference: `${remote.host}/full/box:1`, platform: '' }
        for await (const _ of test.engine.handlers.image.pull(input, { signal, up: createPushQueue<never>() }));
      }
      await expect(pull()).rejects.toThrow(/no space/i)
      expect(stored()).toEqual(before)
    } finally {
      await registry.close()
      await remote.stop()
    }
  })

  it('says so, leaves nothing, and takes a smaller image afterwards', async () => {
    // Incompressible, so that the inflated copy of a packed archive is too large as well.
    const layers = await Promise.all(
      ['a', 'b', 'c'].map((name) => buildTar([{ name, content: randomBytes(9_000_000) }])),
    )
    const archive = await buildDockerArchive(layers)
    for (const bytes of [archive, gzipSync(archive, { level: 1 })]) {
      await expect(importBytes(bytes)).rejects.toMatchObject({
        reason: 'disk.full',
        message: expect.stringContaining('no space is left on the disk'),
      })
      expect(stored()).toEqual([])
    }
    await importBytes(await buildDockerArchive([await buildTar([{ name: 'small', content: 'x' }])]))
    expect(stored()).toHaveLength(4)
  })
})
