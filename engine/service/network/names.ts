import { SERVICE_PORT } from '../../cluster/layout.ts'
import type { ContainerRecord, EndpointRecord } from '../../store/schema.ts'

/** Names by which a container is known on a user-defined network: name, aliases, short id, hostname. */
export function dnsNamesOf(
  record: Pick<ContainerRecord, 'id' | 'name' | 'hostname'>,
  { aliases }: Pick<EndpointRecord, 'aliases'>,
): string[] {
  return [...new Set([record.name, ...aliases, record.id.slice(0, 12), record.hostname].filter(Boolean))]
}

/** Ports that a container says it listens on (`80/tcp`), as questions for its services know them. */
export function servicePortsOf({ config }: Pick<ContainerRecord, 'config'>): string[] {
  return config.exposedPorts.map((port) => port.toLowerCase()).filter((port) => SERVICE_PORT.test(port))
}
