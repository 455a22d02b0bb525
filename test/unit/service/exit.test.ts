import { expect, it } from 'vitest'
import { createLocks } from '../../../engine/lib/async.ts'
import { createSupervisor, type ExitEvent } from '../../../engine/service/container/exit.ts'
import type { HealthMonitor } from '../../../engine/service/container/health.ts'
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
      config: {
        labels: {},
        image: '',
        network: 'none',
        restart: { name: 'no', maximumRetryCount: 0 },
        autoRemove: false,
      },
      endpoints: [],
      ports: [],
      mounts: [],
      state: { status: 'running', startedAt: '2026-01-01T00:00:00.000Z', outcome: null, exitCode: 0 },
    } as unknown as ContainerRecord,
  }
  const keeper = { isKnown: true }
  const told: string[] = []
  const engine = (onRemove: () => Promise<void> = async () => {}) =>
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
          await onRemove()
        },
        unmountRoot: async () => {},
        releaseMounts: async () => {},
        listMounted: async () => [],
      },
      network: { unpublish: async () => {}, leave: async () => {} },
      networks: { list: () => [], get: () => undefined },
      volumes: { list: () => [] },
      layout: { merged: () => '', bundle: () => '/nowhere/any' },
      locks: createLocks(),
      bus: { publish: ({ action }: { action: string }) => told.push(action) },
      log: { warn: () => {} },
      starting: new Set(),
      stopping: new Set(),
      cluster: { isConfigured: false },
      now: () => new Date(0),
    }) as unknown as ServiceContext
  return { disk, keeper, engine, told }
}

/** An engine that starts and finds a keeper that follows nothing any more. */
async function recover(context: ServiceContext): Promise<void> {
  const supervisor = createSupervisor(context)
  const health = { watch: () => {} } as unknown as HealthMonitor
  await recoverContainers(context, { listLive: async () => [], listTraces: async () => [], supervisor, health })
  supervisor.close()
}

it('an exit code is kept when the engine dies after the keeper has forgotten it', async () => {
  const { disk, keeper, engine } = setUp()
  let die = () => {}
  const death = new Promise<void>((resolve) => {
    die = resolve
  })
  const dying = engine(() => {
    die()
    // It comes no further.
    return new Promise(() => {})
  })
  void createSupervisor(dying).handleExit(EXIT)
  await death
  expect(disk.record.state.status).toBe('running')
  expect(keeper.isKnown).toBe(false)
  await recover(engine())
  expect(disk.record.state).toMatchObject({ status: 'exited', exitCode: 42, error: '', outcome: null })
  expect(disk.record.state.finishedAt).toBe(EXIT.time)
})

it('an end that nobody has seen says that the shim was lost', async () => {
  const { disk, engine } = setUp()
  await recover(engine())
  expect(disk.record.state).toMatchObject({ status: 'exited', exitCode: 255, error: 'shim lost' })
})

it('an end for want of memory is told before the end', async () => {
  const { engine, told } = setUp()
  const supervisor = createSupervisor(engine())
  await supervisor.handleExit({ ...EXIT, oomKilled: true })
  supervisor.close()
  expect(told).toEqual(['oom', 'die'])
})
