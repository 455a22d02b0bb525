import { writeFile } from 'node:fs/promises'
import type { ContainerChange, CreateContainer } from '../../contract/container.ts'
import { EngineError } from '../../contract/errors.ts'
import type { EndpointSpec } from '../../contract/network.ts'
import { validateName } from '../../lib/names.ts'
import type { ContainerRecord, EndpointRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { parseNetworkMode } from '../network/mode.ts'
import { refreshRenamed } from '../network/refresh.ts'
import { createUndoStack, type UndoStack } from '../undo.ts'
import { type VolumePlan, withVolumes } from '../volume/with-volumes.ts'
import { resolveContainer } from './create.ts'
import { assertNameFree, currentContainer, findContainer } from './find.ts'
import { launch } from './start.ts'
import { isAlive } from './state.ts'
import { stopForLater } from './stop.ts'
import { publishContainer, putState } from './update-state.ts'

interface Recreation {
  readonly before: ContainerRecord
  readonly next: ContainerRecord
  readonly isRunning: boolean
  readonly warnings: readonly string[]
}

/**
 * Makes a container anew with some of it changed. It keeps its id, its files and volumes (anonymous ones too), and its
 * addresses on the networks that it stays on. All that can be refused is refused before it is stopped; when the new one
 * cannot be stored or does not start, the old one comes back. One that was paused runs afterwards.
 */
export async function recreateContainer(
  context: ServiceContext,
  ref: string,
  change: ContainerChange,
): Promise<{ warnings: string[] }> {
  const { id } = findContainer(context.containers, ref)
  const alone = <T>(work: () => Promise<T>) =>
    context.locks.withLock('containers', () => context.locks.withLock(id, work))
  const undo = createUndoStack(context.log)
  const undone = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      await undo.run()
      throw error
    }
  }
  const finish = async (plan: Recreation) => {
    if (plan.isRunning) await stopForLater(context, id)
    await context.locks.withLock('containers', async () => {
      await context.locks.withLock(id, () => replace(context, plan))
      if (plan.next.name !== plan.before.name) await refreshRenamed(context, id, plan.before.name)
    })
    return { warnings: [...plan.warnings] }
  }
  const { mounts: kept, config } = currentContainer(context.containers, id)
  return withVolumes(
    context,
    { config: { mounts: change.mounts ?? config.mounts }, kept },
    {
      plan: (volumes) => undone(alone(() => planRecreation(context, { id, change, volumes }, undo))),
      finish: (plan) => undone(finish(plan)),
    },
  )
}

async function planRecreation(
  context: ServiceContext,
  { id, change, volumes }: { readonly id: string; readonly change: ContainerChange; readonly volumes: VolumePlan },
  undo: UndoStack,
): Promise<Recreation> {
  const before = currentContainer(context.containers, id)
  const { status } = before.state
  if (status === 'removing' || status === 'dead')
    throw new EngineError(
      'conflict',
      'container.state',
      `container "${before.name}" is ${status} and cannot be changed`,
    )
  const { name = before.name, ...rest } = change
  if (name !== before.name) {
    validateName(name, 'container name')
    assertNameFree(context.containers, name, id)
  }
  const config = changedConfig(before, rest)
  const resolved = await resolveContainer(
    context,
    { id, imageId: before.imageId, config, kept: before.mounts, volumes },
    undo,
  )
  const { warnings, endpoints, ...parts } = resolved
  assertNoLoop(context, before, parts.config.network)
  const next = {
    ...before,
    ...parts,
    name,
    endpoints: endpoints.map((place) => keepAddresses(place, before.endpoints)),
  }
  const isRunning = isAlive(status) || status === 'restarting'
  return { before, next, isRunning, warnings: [...warnings, ...leftVolumes(before, next)] }
}

/** Anonymous volumes that no longer have a place in the container: nobody else knows their names. */
const leftVolumes = (before: ContainerRecord, next: Pick<ContainerRecord, 'mounts'>): string[] =>
  before.mounts
    .filter(
      ({ type, isAnonymous, name }) => type === 'volume' && isAnonymous && !next.mounts.some((m) => m.name === name),
    )
    .map(
      ({ name, target }) =>
        `the volume ${name}, which was at ${target}, is kept but used no more; remove it if it is not needed`,
    )

/** Containers that share each other's network in a ring would have none to share. */
function assertNoLoop(context: ServiceContext, { id, name }: ContainerRecord, network: string): void {
  for (let mode = parseNetworkMode(network); mode.kind === 'container'; ) {
    if (mode.container === id)
      throw new EngineError(
        'invalidArgument',
        'network.loop',
        `container "${name}" cannot share the network of a container that shares its own`,
      )
    mode = parseNetworkMode(context.containers.get(mode.container)?.config.network ?? 'none')
  }
}

/** The request that this container would be made by, with what is to be otherwise. */
function changedConfig(record: ContainerRecord, change: Omit<ContainerChange, 'name'>): CreateContainer {
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
  return { ...record.config, ...placesOf(record), ...(change.network ? { endpoints: [] } : {}), ...given }
}

/** Where a container is now, which may be elsewhere than where it was made. */
function placesOf({ config, endpoints }: ContainerRecord): Partial<CreateContainer> {
  const [first] = endpoints
  if (parseNetworkMode(config.network).kind !== 'network' || !first) return {}
  return { network: first.network, endpoints: endpoints.map(toSpec) }
}

function toSpec({ network, aliases, requested, links, priority }: EndpointRecord): EndpointSpec {
  return { network, aliases, ...requested, macAddress: '', links, priority }
}

function keepAddresses(place: EndpointRecord, before: readonly EndpointRecord[]): EndpointRecord {
  const old = before.find(({ network }) => network === place.network)
  if (!old) return place
  const { ipAddress, prefix, ipv6Address, ipv6Prefix } = old
  return { ...place, ipAddress, prefix, ipv6Address, ipv6Prefix, macAddress: place.macAddress || old.macAddress }
}

async function replace(context: ServiceContext, plan: Recreation): Promise<void> {
  const current = currentContainer(context.containers, plan.before.id)
  const state = { ...current.state, isBeingReplaced: false, restartCount: 0 }
  const before = { ...current, ports: [], state }
  if (isAlive(current.state.status)) {
    await putState(context, current, { isBeingReplaced: false })
    throw new EngineError(
      'conflict',
      'container.running',
      `container "${current.name}" was started while it was being changed; it is as it was`,
    )
  }
  const next = { ...plan.next, ports: [], state }
  try {
    assertUnchanged(plan.before, current)
    if (next.name !== current.name) assertNameFree(context.containers, next.name, next.id)
    await store(context, next)
    if (plan.isRunning) await launch(context, next)
  } catch (error) {
    await comeBack(context, { before, isRunning: plan.isRunning }, error)
  }
  if (next.name !== before.name) publishContainer(context, next, 'rename', { oldName: `/${before.name}` })
  publishContainer(context, next, 'update')
}

/** Its lock was let go while it was stopped: what somebody else has changed meanwhile is not undone unseen. */
function assertUnchanged(planned: ContainerRecord, current: ContainerRecord): void {
  const asked = ({ name, config, endpoints }: ContainerRecord) =>
    JSON.stringify([name, config, endpoints.map(({ network, requested, aliases }) => [network, requested, aliases])])
  if (asked(planned) === asked(current)) return
  throw new EngineError(
    'conflict',
    'container.changed',
    `container "${current.name}" was changed by somebody else meanwhile; look at it again and repeat what you want`,
  )
}

async function store(context: ServiceContext, record: ContainerRecord): Promise<void> {
  await writeFile(context.layout.containerFile(record.id, 'hostname'), `${record.hostname}\n`, { mode: 0o644 })
  await context.containers.put(record)
}

async function comeBack(
  context: ServiceContext,
  { before, isRunning }: { readonly before: ContainerRecord; readonly isRunning: boolean },
  cause: unknown,
): Promise<never> {
  const failure = EngineError.from(cause)
  try {
    await store(context, before)
    if (isRunning) await launch(context, before)
  } catch (error) {
    const text = `${failure.message}; nor could the container be started again as it was: ${EngineError.from(error).message}`
    throw new EngineError(failure.code, failure.reason, text, { cause })
  }
  publishContainer(context, before, 'update')
  throw failure
}
