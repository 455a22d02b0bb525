import type { ContainerRecord, EndpointRecord } from '../../store/schema.ts'

/** Names by which a container is known on a user-defined network: name, aliases, short id, hostname. */
export function dnsNamesOf(
  record: Pick<ContainerRecord, 'id' | 'name' | 'hostname'>,
  { aliases }: Pick<EndpointRecord, 'aliases'>,
): string[] {
  return [...new Set([record.name, ...aliases, record.id.slice(0, 12), record.hostname].filter(Boolean))]
}
