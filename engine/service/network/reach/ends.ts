import type { Member } from '../../../network/driver.ts'
import type { ContainerRecord } from '../../../store/schema.ts'
import { findContainer } from '../../container/find.ts'
import { isAlive } from '../../container/state.ts'
import type { ServiceContext } from '../../context.ts'
import { membersOf } from '../endpoints.ts'
import { filesOwner } from '../join.ts'
import { parseNetworkMode } from '../mode.ts'

/** A container with the network that it really has: its own, or that of the container it shares with. */
export interface End {
  readonly record: ContainerRecord
  /** Whose namespace, addresses and published ports these are. */
  readonly owner: ContainerRecord
  readonly isOnHost: boolean
  readonly isRunning: boolean
  readonly members: readonly Member[]
}

/** One end of a question. */
export function findEnd(context: ServiceContext, ref: string): End {
  const record = findContainer(context.containers, ref)
  const owner = context.containers.get(filesOwner(context, record)) ?? record
  return {
    record,
    owner,
    isOnHost: parseNetworkMode(owner.config.network).kind === 'host',
    isRunning: isAlive(record.state.status) && record.state.init !== null,
    members: membersOf(context, owner.endpoints),
  }
}

/** Whether both have one namespace. */
export const isSameNamespace = (a: End, b: End): boolean => a.owner.id === b.owner.id || (a.isOnHost && b.isOnHost)
