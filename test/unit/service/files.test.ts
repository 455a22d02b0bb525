import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { createLocks } from '../../../engine/lib/async.ts'
import { writeContainerArchive } from '../../../engine/service/container/files.ts'
import type { ServiceContext } from '../../../engine/service/context.ts'
import type { ContainerRecord } from '../../../engine/store/schema.ts'

it('a copy into a read-only container goes into its volumes alone, however the path is written', async () => {
  const record = {
    id: 'a'.repeat(64),
    config: { readOnlyRootfs: true, labels: {}, image: '' },
    mounts: [
      { target: '/vol', readOnly: false },
      { target: '/vol/fixed', readOnly: true },
    ],
    process: { user: '' },
    state: { init: null, mountedVolumes: [] },
  } as unknown as ContainerRecord
  const context = {
    containers: { get: () => record, list: () => [record] },
    files: { write: async () => {} },
    locks: createLocks(),
    bus: { publish: () => {} },
  } as unknown as ServiceContext
  const write = (path: string) =>
    writeContainerArchive(
      context,
      { id: record.id, path, keepKinds: false, ownedByUser: false },
      Readable.from([]),
      new AbortController().signal,
    )
  for (const path of ['/vol', '/vol/', 'vol/a', '/etc/../vol/b', '/vol/fixed/..'])
    await expect(write(path), path).resolves.toBeUndefined()
  for (const path of ['/', '/etc', '/vol/../etc', '/vol/fixed', '/vol/./fixed/x', '/volume'])
    await expect(write(path), path).rejects.toMatchObject({ reason: 'archive.read-only' })
})
