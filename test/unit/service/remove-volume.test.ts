import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it, test } from 'vitest'
import type { Host } from '../../../engine/host/host.ts'
import { createLocks } from '../../../engine/lib/async.ts'
import type { ServiceContext } from '../../../engine/service/context.ts'
import { createVolumeClaims } from '../../../engine/service/volume/claims.ts'
import { removeVolume, removeVolumeRecord } from '../../../engine/service/volume/remove.ts'
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
    volumeClaims: createVolumeClaims(),
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

describe('a volume that a container is being made with', () => {
  const contextOf = (take: () => Promise<void>) => {
    const records = new Set(['data'])
    return {
      records,
      context: {
        layout: createLayout('/nowhere', '/nowhere'),
        volumes: {
          get: (name: string) => (records.has(name) ? { name, driver: 'local', options: {} } : undefined),
          delete: async (name: string) => {
            await take()
            records.delete(name)
          },
        },
        containers: { list: () => [] },
        locks: createLocks(),
        volumeClaims: createVolumeClaims(),
        volume: { setAside: async () => '' },
        bus: { publish: () => {} },
      } as unknown as ServiceContext,
    }
  }

  it('is in use though no record names it yet, and is not when that is over', async () => {
    const { context, records } = contextOf(async () => {})
    await context.volumeClaims.during(async (claim) => {
      claim('data')
      claim('data')
      await expect(removeVolume(context, 'data', { force: true })).rejects.toMatchObject({ reason: 'volume.in-use' })
      await removeVolumeRecord(context, 'data')
      expect(records.size).toBe(1)
    })
    await removeVolume(context, 'data', { force: false })
    expect(records.size).toBe(0)
  })

  it('is taken back by whoever made it for that, unless another has claimed it too', async () => {
    const { context, records } = contextOf(async () => {})
    await context.volumeClaims.during(async (claim) => {
      claim('data')
      await context.volumeClaims.during(async (other) => {
        other('data')
        await removeVolumeRecord(context, 'data', 1)
        expect(records.size).toBe(1)
      })
      await removeVolumeRecord(context, 'data', 1)
      expect(records.size).toBe(0)
    })
  })

  it('waits for a removal that is under way', async () => {
    let finish = () => {}
    const { context, records } = contextOf(() => new Promise<void>((resolve) => (finish = resolve)))
    const removal = removeVolumeRecord(context, 'data')
    let isSettled = false
    const settled = context.volumeClaims.settled('data').then(() => {
      isSettled = true
    })
    await new Promise(setImmediate)
    expect([isSettled, records.size]).toEqual([false, 1])
    finish()
    await Promise.all([removal, settled])
    expect(records.size).toBe(0)
  })
})
