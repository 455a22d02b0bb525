import type { ContainerRecord, ContainerState } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'

/** Commits a change of state and returns the new record. */
export async function putState(
  context: Pick<ServiceContext, 'containers'>,
  record: ContainerRecord,
  change: Partial<ContainerState>,
): Promise<ContainerRecord> {
  const next: ContainerRecord = { ...record, state: { ...record.state, ...change } }
  await context.containers.put(next)
  return next
}

/** Publishes a container event with the attributes that Docker gives. */
export function publishContainer(
  context: Pick<ServiceContext, 'bus'>,
  record: ContainerRecord,
  action: string,
  attributes: Record<string, string> = {},
): void {
  context.bus.publish({
    type: 'container',
    action,
    id: record.id,
    attributes: { ...record.config.labels, name: record.name, image: record.config.image, ...attributes },
  })
}
