import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { parseNetworkMode } from './mode.ts'

/** Says that a container has come onto its networks with its start, or left them with its end. */
export function publishPlaces(
  context: ServiceContext,
  record: ContainerRecord,
  action: 'connect' | 'disconnect',
): void {
  for (const network of networksOf(record)) publishPlace(context, { network, container: record.id }, action)
}

/** Says the same of one network. */
export function publishPlace(
  context: ServiceContext,
  { network, container }: { readonly network: string; readonly container: string },
  action: 'connect' | 'disconnect',
): void {
  const found = context.networks.get(network)
  if (!found) return
  const attributes = { container, name: found.name, type: found.driver }
  context.bus.publish({ type: 'network', action, id: found.id, attributes })
}

/** One that shares another container's network is on none itself. */
function networksOf({ config, endpoints }: ContainerRecord): readonly string[] {
  const mode = parseNetworkMode(config.network)
  switch (mode.kind) {
    case 'container':
      return []
    case 'host':
    case 'none':
      return [mode.kind]
    case 'network':
      return endpoints.map(({ network }) => network)
  }
}
