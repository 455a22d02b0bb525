import { EngineError } from '../../contract/errors.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import { isForgetful } from '../../volume/local-options.ts'
import type { ServiceContext } from '../context.ts'
import { holdAddresses } from '../network/endpoints.ts'
import { joinNetwork } from '../network/join.ts'
import { withLinkVariables } from '../network/link-environment.ts'
import { syncPlaces } from '../network/overlay.ts'
import { portsOf } from '../network/publish.ts'
import { publishPlaces } from '../network/publish-places.ts'
import { refreshNames } from '../network/refresh.ts'
import { createUndoStack } from '../undo.ts'
import { mountVolumes, unmountVolumes } from '../volume/mounts.ts'
import { publishMounts } from '../volume/publish-mounts.ts'
import { currentContainer, findContainer } from './find.ts'
import { sharedNamespaces } from './namespaces.ts'
import { assertMove, isAlive } from './state.ts'
import { publishContainer, putState } from './update-state.ts'

/** Starts a created or exited container. One that runs is `notModified`. */
export async function startContainer(context: ServiceContext, ref: string): Promise<void> {
  const { id } = findContainer(context.containers, ref)
  await context.locks.withLock(id, async () => {
    const record = currentContainer(context.containers, id)
    if (isAlive(record.state.status)) {
      throw new EngineError('notModified', 'container.running', `container "${record.name}" is already running`)
    }
    await launch(context, { ...record, state: { ...record.state, restartCount: 0 } })
  })
}

/**
 * Mounts, networks and runs a container that is not alive. The caller holds its lock. Whatever fails is taken back,
 * and the record says why.
 */
export async function launch(context: ServiceContext, before: ContainerRecord): Promise<ContainerRecord> {
  assertMove(before.name, before.state.status, 'running')
  const { layout, runtime, network } = context
  const { id } = before
  let record = before
  const undo = createUndoStack(context.log)
  try {
    record = await holdAddresses(context, before)
    undo.add('volumes', () => unmountVolumes(context, id))
    record = await mountVolumes(context, record)
    undo.add('root file system', () => runtime.unmountRoot(layout.merged(id)))
    undo.add('sandbox', () => network.leave(id))
    undo.add('ports', () => network.unpublish(id))
    const [, sandbox, ports] = await allDone([
      runtime.mountRoot({
        lower: [...record.chainIds].reverse().map(layout.layer),
        upper: layout.upper(id),
        work: layout.work(id),
        target: layout.merged(id),
      }),
      joinNetwork(context, record),
      network.publish(id, portsOf(context, record)),
    ])
    record = await populateVolumes(context, record)
    undo.add('mounts', () => runtime.releaseMounts(id))
    undo.add('process', () => runtime.remove(id))
    const created = await runtime.create(withLinkVariables(context, record), sandbox, sharedNamespaces(context, record))
    for (const join of context.beforeStart.get(id) ?? []) await join(record)
    // Taken before the process runs: its first line of log is not older than its start, for who follows from there.
    const startedAt = context.now().toISOString()
    await runtime.start(id)
    const next = await putState(
      context,
      { ...record, ports: [...ports] },
      {
        status: 'running',
        exitCode: 0,
        error: '',
        oomKilled: false,
        startedAt,
        init: created.init,
        conmon: created.conmon,
        appArmor: created.appArmor,
        isStoppedByUser: false,
        isStoppedByEngine: false,
        isBeingReplaced: false,
        health: record.process.healthcheck ? 'starting' : 'none',
      },
    )
    await refreshNames(
      context,
      next.endpoints.map((endpoint) => endpoint.network),
      id,
    )
    publishMounts(context, next, 'mount')
    publishPlaces(context, next, 'connect')
    publishContainer(context, next, 'start')
    return next
  } catch (error) {
    await undo.run()
    const failure = EngineError.from(error)
    const next = await putState(
      context,
      { ...record, ports: [] },
      {
        status: statusAfter(record, failure),
        error: failure.message,
        exitCode: failureExitCode(failure),
        init: null,
        conmon: null,
        isBeingReplaced: false,
        mountedVolumes: [],
      },
    )
    context.starting.delete(id)
    await syncPlaces(context, id)
    publishContainer(context, next, 'start_failed', { error: failure.message })
    throw failure
  } finally {
    context.starting.delete(id)
  }
}

/** Gives empty volumes what the image has at their places, at the first start that comes so far. */
async function populateVolumes(context: ServiceContext, record: ContainerRecord): Promise<ContainerRecord> {
  const root = context.layout.merged(record.id)
  // As with Docker, one that forgets is empty at every start, the first one too.
  const forgets = (name: string) => isForgetful(context.volumes.get(name)?.options ?? {})
  for (const { type, name, noCopy, subpath, isPopulated, target, hostPath } of record.mounts)
    if (type === 'volume' && !noCopy && subpath === '' && !isPopulated && !forgets(name))
      await context.volume.populate({ root, target, destination: hostPath })
  return { ...record, mounts: record.mounts.map((mount) => ({ ...mount, isPopulated: mount.type === 'volume' })) }
}

/** A restart that failed is given up, unless that was no fault of the container: it is planned anew with the next keeper. */
function statusAfter({ state }: ContainerRecord, failure: EngineError): ContainerRecord['state']['status'] {
  return state.status === 'restarting' && failure.reason !== 'keeper.lost' ? 'exited' : state.status
}

/** Docker's codes for a process that never ran: 127 not found, 126 not permitted, 128 otherwise. */
function failureExitCode(error: EngineError): number {
  switch (error.reason) {
    case 'runtime.command-not-found':
      return 127
    case 'runtime.permission-denied':
      return 126
    default:
      return 128
  }
}

/** Like `Promise.all`, but a failure waits until the others have ended too, so that undoing meets no work in flight. */
async function allDone<T extends readonly unknown[]>(work: { readonly [K in keyof T]: Promise<T[K]> }): Promise<T> {
  await Promise.allSettled(work)
  return Promise.all(work) as unknown as Promise<T>
}
