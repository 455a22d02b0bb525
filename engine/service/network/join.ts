import { EngineError } from '../../contract/errors.ts'
import type { Member } from '../../network/driver.ts'
import type { ContainerNetwork } from '../../runtime/container-runtime.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import { isAlive } from '../container/state.ts'
import type { ServiceContext } from '../context.ts'
import { membersOf } from './endpoints.ts'
import { writeFiles } from './hosts.ts'
import { parseNetworkMode } from './mode.ts'
import { openDns } from './refresh.ts'

/** Puts a container that is about to start where its network mode says, and writes its network files. */
export async function joinNetwork(context: ServiceContext, record: ContainerRecord): Promise<ContainerNetwork> {
  const mode = parseNetworkMode(record.config.network)
  switch (mode.kind) {
    case 'host':
      await writeFiles(context, record)
      return { netnsPath: '', filesOf: record.id }
    case 'container':
      return shareNetwork(context, record, mode.container)
    case 'none':
    case 'network': {
      await writeFiles(context, record)
      const members = membersOf(context, record.endpoints)
      const { netnsPath } = await createSandbox(context, record.id, members)
      await openDns(context, record)
      return { netnsPath, filesOf: record.id }
    }
  }
}

/** A bridge that somebody deleted by hand is made again. */
async function createSandbox(context: ServiceContext, id: string, members: readonly Member[]) {
  return context.network.createSandbox(id, members).catch(async (error: unknown) => {
    context.log.warn({ id, error: String(error) }, 'networks are made anew')
    for (const { network } of members) await context.network.ensure(network)
    return context.network.createSandbox(id, members)
  })
}

function shareNetwork(context: ServiceContext, record: ContainerRecord, id: string): ContainerNetwork {
  const other = context.containers.get(id)
  if (!other || other.id === record.id || !isAlive(other.state.status))
    throw new EngineError(
      'conflict',
      'network.container-not-running',
      `cannot join network of a non running container: ${other?.name ?? id}`,
      { details: { container: id } },
    )
  const init = other.state.init?.pid ?? 0
  const isOnHost = networkOwner(context, other).config.network === 'host'
  return { netnsPath: isOnHost ? '' : `/proc/${init}/ns/net`, filesOf: filesOwner(context, other) }
}

/** The container that a chain of `container:` modes ends at. */
function networkOwner(context: ServiceContext, record: ContainerRecord): ContainerRecord {
  const mode = parseNetworkMode(record.config.network)
  if (mode.kind !== 'container') return record
  const next = context.containers.get(mode.container)
  return next && next.id !== record.id ? networkOwner(context, next) : record
}

/** The container whose hosts, hostname and resolv.conf this one has. */
export function filesOwner(context: ServiceContext, record: ContainerRecord): string {
  return networkOwner(context, record).id
}
