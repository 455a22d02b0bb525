import { EngineError } from '../../contract/errors.ts'
import { currentContainer, findContainer } from '../container/find.ts'
import { isAlive } from '../container/state.ts'
import type { ServiceContext } from '../context.ts'
import { membersOf } from './endpoints.ts'
import { findNetwork } from './find.ts'
import { writeFiles } from './hosts.ts'
import { republish } from './publish.ts'
import { publishPlace } from './publish-places.ts'
import { refreshNames } from './refresh.ts'

/** Takes a container off a network; a running one loses the interface at once. */
export async function disconnectNetwork(
  context: ServiceContext,
  input: { readonly id: string; readonly container: string; readonly force: boolean },
): Promise<void> {
  const { id } = findContainer(context.containers, input.container)
  await context.locks.withLock(id, async () => {
    const record = currentContainer(context.containers, id)
    const network = findNetwork(context.networks, input.id)
    const endpoint = record.endpoints.find((one) => one.network === network.name)
    if (!endpoint)
      throw new EngineError(
        'forbidden',
        'network.not-connected',
        `container ${record.name} is not connected to network ${network.name}`,
      )
    const next = { ...record, endpoints: record.endpoints.filter((one) => one !== endpoint) }
    if (isAlive(record.state.status)) {
      await context.network
        .detach(id, { network, endpoint }, membersOf(context, next.endpoints))
        .catch((error: unknown) => {
          if (!input.force) throw error
          context.log.warn({ id, network: network.name, error: String(error) }, 'interface not removed')
        })
      await writeFiles(context, next)
      await context.containers.put(await republish(context, next))
    } else await context.containers.put(next)
    await refreshNames(context, [network.name], id)
    publishPlace(context, { network: network.name, container: id }, 'disconnect')
  })
}
