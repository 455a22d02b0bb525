import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import type { Host } from '../../../engine/host/host.ts'
import { createLocks } from '../../../engine/lib/async.ts'
import type { ServiceContext } from '../../../engine/service/context.ts'
import { removeVolume } from '../../../engine/service/volume/remove.ts'
import { createLayout } from '../../../engine/store/layout.ts'
import type { VolumeRecord } from '../../../engine/store/schema.ts'
import { createLocalVolumeDriver } from '../../../engine/volume/local.ts'

test('a volume whose files take long to remove is gone at once, and its name is free', async () => {
  const root = mkdtempSync(path.join(os.tmpdir(), 'volumes-'))
  const layout = createLayout(root, root)
  mkdirSync(layout.volumeData('large'), { recursive: true })
  const records = new Map([['large', { name: 'large', driver: 'local', options: {} } as unknown as VolumeRecord]])
  const told: string[] = []
  let finish = () => {}
  const deleted: string[] = []
  const removeTree = (params: { path: string }) =>
    new Promise<void>((resolve) => {
      finish = () => {
        deleted.push(path.basename(params.path))
        resolve()
      }
    })
  const context = {
    layout,
    volumes: { get: (name: string) => records.get(name), delete: async (name: string) => void records.delete(name) },
    containers: { list: () => [] },
    locks: createLocks(),
    volume: createLocalVolumeDriver({ removeTree } as unknown as Host),
    bus: { publish: ({ action }: { action: string }) => told.push(action) },
  } as unknown as ServiceContext
  const removal = removeVolume(context, 'large', { force: false })
  // Whoever makes one of that name, or a container, comes to its turn.
  await context.locks.withLock('volume:large', async () => {})
  await context.locks.withLock('containers', async () => {})
  expect(records.size).toBe(0)
  expect(readdirSync(layout.volumes)).toEqual([expect.stringMatching(/^\.removed-/)])
  expect(told).toEqual([])
  finish()
  await removal
  expect(deleted).toEqual(readdirSync(layout.volumes))
  expect(told).toEqual(['destroy'])
  rmSync(root, { recursive: true, force: true })
})
