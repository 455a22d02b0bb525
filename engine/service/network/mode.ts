import type { CreateContainer } from '../../contract/container.ts'
import { EngineError } from '../../contract/errors.ts'

/** How a container is networked: alone, as the host, as another container, or on networks. */
export type NetworkMode =
  | { readonly kind: 'none' | 'host' }
  | { readonly kind: 'container'; readonly container: string }
  | { readonly kind: 'network'; readonly network: string }

/** Reads the `network` of a create request. */
export function parseNetworkMode(text: string): NetworkMode {
  if (text === 'none' || text === 'host') return { kind: text }
  if (text.startsWith('container:')) return { kind: 'container', container: text.slice('container:'.length) }
  return { kind: 'network', network: text === '' || text === 'default' ? 'bridge' : text }
}

/** Refuses, in Docker's words, what cannot go together with the network mode. */
export function assertModeFits(mode: NetworkMode, config: CreateContainer): void {
  const refuse = (text: string) => new EngineError('invalidArgument', 'network.conflicting-options', text)
  if (mode.kind === 'network') return
  if (config.endpoints.some(({ network }) => network !== config.network))
    throw refuse(`conflicting options: a container in ${mode.kind} network mode cannot join other networks`)
  if (mode.kind === 'host' && config.links.length > 0)
    throw refuse('conflicting options: host type networking can’t be used with links')
  if (mode.kind !== 'container') return
  const conflicts: readonly (readonly [boolean, string])[] = [
    [config.hostname !== '', 'hostname'],
    [config.links.length > 0, 'container type network can’t be used with links'],
    [config.dns.length > 0, 'dns'],
    [config.extraHosts.length > 0, 'custom host-to-IP mapping'],
    [config.ports.length > 0, 'port publishing'],
  ]
  const found = conflicts.find(([isAsked]) => isAsked)
  if (found) throw refuse(`conflicting options: ${found[1]} and the container type network mode`)
}
