import { EngineError } from '../../contract/errors.ts'
import type { EndpointSpec } from '../../contract/network.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import { currentContainer, findContainer } from '../container/find.ts'
import { isAlive } from '../container/state.ts'
import type { ServiceContext } from '../context.ts'
import { createUndoStack } from '../undo.ts'
import { freeInterface, holdAddresses, membersOf, planEndpoint } from './endpoints.ts'
import { findNetwork } from './find.ts'
import { writeFiles } from './hosts.ts'
import { parseNetworkMode } from './mode.ts'
import { syncPlaces } from './overlay.ts'
import { republish } from './publish.ts'
import { publishPlace } from './publish-places.ts'
import { openDns, refreshNames } from './refresh.ts'

/** Gives a container a place on a further network; a running one has the interface at once. */
export async function connectNetwork(
  context: ServiceContext,
  input: { readonly id: string; readonly container: string; readonly endpoint: Omit<EndpointSpec, 'network'> },
): Promise<void> {
  const { id } = findContainer(context.containers, input.container)
  await context.locks.withLock('containers', () =>
    context.locks.withLock(id, async () => {
      const record = currentContainer(context.containers, id)
      const network = findNetwork(context.networks, input.id)
      assertCanJoin(record, network.name)
      const place = freeInterface(network, record.endpoints)
      const endpoint = planEndpoint(network, { spec: input.endpoint, interface: place })
      const next = { ...record, endpoints: [...record.endpoints, endpoint] }
      if (isAlive(record.state.status)) await attach(context, record, next)
      else await context.containers.put(next)
      await refreshNames(context, [network.name], id)
      publishPlace(context, { network: network.name, container: id }, 'connect')
    }),
  )
}

/** Gives a running container the newest of its places, and everything that follows from it; or leaves it as it was. */
async function attach(context: ServiceContext, before: ContainerRecord, planned: ContainerRecord): Promise<void> {
  const undo = createUndoStack(context.log)
  undo.add('places', async () => {
    context.starting.delete(before.id)
    await syncPlaces(context, before.id)
  })
  undo.add('record', () => context.containers.put(before))
  try {
    const record = await holdAddresses(context, planned)
    const all = membersOf(context, record.endpoints)
    const member = all.at(-1)
    if (member) {
      await context.network.attach(record.id, member, all)
      undo.add('interface', () => context.network.detach(record.id, member, membersOf(context, before.endpoints)))
    }
    undo.add('files', () => writeFiles(context, before))
    await writeFiles(context, record)
    undo.add('names', () => openDns(context, before))
    await openDns(context, record)
    undo.add('ports', () => context.network.publish(before.id, before.ports))
    await context.containers.put(await republish(context, record))
  } catch (error) {
    await undo.run()
    throw error
  } finally {
    context.starting.delete(before.id)
  }
}

function assertCanJoin(record: ContainerRecord, network: string): void {
  const mode = parseNetworkMode(record.config.network)
  if (mode.kind === 'host' || mode.kind === 'container')
    throw new EngineError(
      'invalidArgument',
      'network.shared-namespace',
      'container sharing network namespace with another container or host cannot be connected to any other network',
    )
  if (network === 'host')
    throw new EngineError(
      'invalidArgument',
      'network.host-mode',
      'container cannot be connected to host network: host network mode must be set when it is created',
    )
  if (mode.kind === 'none' || network === 'none')
    throw new EngineError(
      'invalidArgument',
      'network.none-mode',
      'container cannot be connected to multiple networks with one of the networks in private (none) mode',
    )
  if (record.endpoints.some((endpoint) => endpoint.network === network))
    throw new EngineError(
      'forbidden',
      'network.already-connected',
      `endpoint with name ${record.name} already exists in network ${network}`,
    )
}
