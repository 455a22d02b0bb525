import { expect, it } from 'vitest'
import { createLocks } from '../../../engine/lib/async.ts'
import { createSupervisor, type ExitEvent } from '../../../engine/service/container/exit.ts'
import type { ServiceContext } from '../../../engine/service/context.ts'
import { recoverContainers } from '../../../engine/service/recover.ts'
import type { ContainerRecord } from '../../../engine/store/schema.ts'

const ID = 'a'.repeat(64)
const EXIT: ExitEvent = {
  type: 'exit',
  containerId: ID,
  exitCode: 42,
  oomKilled: false,
  shimLost: false,
  time: '2026-01-01T00:00:01.000Z',
}

/** Records on a disk that outlives engines, and a keeper that tells of an end until it is told to remove the container. */
function setUp() {
  const disk = {
    record: {
      id: ID,
      name: 'job',
      config: { labels: {}, image: '', restart: { name: 'no', maximumRetryCount: 0 }, autoRemove: false },
      endpoints: [],
      ports: [],
      mounts: [],
      state: { status: 'running', startedAt: '2026-01-01T00:00:00.000Z', outcome: null, exitCode: 0 },
    } as unknown as ContainerRecord,
  }
  const keeper = { isKnown: true }
  const engine = (onRemove: () => void = () => {}) =>
    ({
      containers: {
        get: () => disk.record,
        list: () => [disk.record],
        put: async (next: ContainerRecord) => {
          disk.record = next
        },
      },
      runtime: {
        remove: async () => {
          keeper.isKnown = false
          onRemove()
        },
        unmountRoot: async () => {},
        releaseMounts: async () => {},
        listMounted: async () => [],
      },
      network: { unpublish: async () => {}, leave: async () => {} },
      networks: { list: () => [], get: () => undefined },
      layout: { merged: () => '', bundle: () => '/nowhere/any' },
      locks: createLocks(),
      bus: { publish: () => {} },
      log: { warn: () => {} },
      starting: new Set(),
      stopping: new Set(),
      cluster: { isConfigured: false },
      now: () => new Date(0),
    }) as unknown as ServiceContext
  return { disk, keeper, engine }
}

it('an exit code is kept when the engine dies after the keeper has forgotten it', async () => {
  const { disk, keeper, engine } = setUp()
  let die = () => {}
  const death = new Promise<void>((resolve) => {
    die = resolve
  })
  let saved = disk.record
  const dying = engine(() => {
    saved = disk.record
    die()
  })
  void createSupervisor(dying).handleExit(EXIT)
  await death
  // What was on disk at that moment is what the next engine begins with.
  disk.record = saved
  expect(disk.record.state.status).toBe('running')
  expect(keeper.isKnown).toBe(false)
  const next = engine()
  const supervisor = createSupervisor(next)
  await recoverContainers(next, {
    listLive: async () => [],
    listTraces: async () => [],
    supervisor,
    health: { watch: () => {} } as never,
  })
  supervisor.close()
  expect(disk.record.state).toMatchObject({ status: 'exited', exitCode: 42, error: '', outcome: null })
  expect(disk.record.state.finishedAt).toBe(EXIT.time)
})

it('an end that nobody has seen says that the shim was lost', async () => {
  const { disk, engine } = setUp()
  const next = engine()
  const supervisor = createSupervisor(next)
  await recoverContainers(next, {
    listLive: async () => [],
    listTraces: async () => [],
    supervisor,
    health: { watch: () => {} } as never,
  })
  expect(disk.record.state).toMatchObject({ status: 'exited', exitCode: 255, error: 'shim lost' })
})
