import { isIP } from 'node:net'
import os from 'node:os'
import type { CreateContainer } from '../../contract/container.ts'
import { EngineError } from '../../contract/errors.ts'
import { EndpointSpec } from '../../contract/network.ts'
import { assertHostname, parseExtraHost } from '../../runtime/files.ts'
import type { EndpointRecord } from '../../store/schema.ts'
import { findContainer } from '../container/find.ts'
import type { ServiceContext } from '../context.ts'
import { freeInterface, planEndpoint } from './endpoints.ts'
import { findNetwork } from './find.ts'
import { parseLink } from './links.ts'
import { assertModeFits, parseNetworkMode } from './mode.ts'

/** The request with its network mode made definite: names instead of ids, the full id of a container to share with. */
export function resolveRequest(context: ServiceContext, config: CreateContainer): CreateContainer {
  const mode = parseNetworkMode(config.network)
  assertModeFits(mode, config)
  if (config.hostname !== '') assertHostname(config.hostname)
  config.extraHosts.forEach(parseExtraHost)
  for (const server of config.dns) assertResolver(server)
  // Kept by name: the beginning of an id can come to fit a second container.
  const links = config.links.map((link) => {
    const { container, alias } = parseLink(link)
    return `${findContainer(context.containers, container).name}:${alias}`
  })
  const endpoints = config.endpoints.map((spec) => ({
    ...spec,
    network: findNetwork(context.networks, spec.network).name,
  }))
  switch (mode.kind) {
    case 'none':
    case 'host':
      return { ...config, links, endpoints }
    case 'container':
      return {
        ...config,
        links,
        endpoints,
        network: `container:${findContainer(context.containers, mode.container).id}`,
      }
    case 'network':
      return { ...config, links, endpoints, network: findNetwork(context.networks, mode.network).name }
  }
}

/** `ADDRESS`, or `ADDRESS#PORT` for the engine's own DNS to ask. */
function assertResolver(text: string): void {
  const [address = '', port = '53', rest] = text.split('#')
  if (isIP(address) && /^\d{1,5}$/.test(port) && rest === undefined) return
  throw new EngineError('invalidArgument', 'dns.invalid', `invalid DNS server address: ${JSON.stringify(text)}`)
}

/** A container that shares a network has the hostname of the one it shares with; on the host it has the host's. */
export function hostnameOf(config: CreateContainer, id: string): string {
  if (config.namespaces.uts === 'host') return os.hostname()
  return config.hostname || id.slice(0, 12)
}

/** Places on every network that the request names. */
export function planEndpoints(context: ServiceContext, config: CreateContainer): EndpointRecord[] {
  const mode = parseNetworkMode(config.network)
  if (mode.kind !== 'network') return []
  const own = config.endpoints.find(({ network }) => network === mode.network)
  const specs = [
    own ?? EndpointSpec.parse({ network: mode.network }),
    ...config.endpoints.filter(({ network }) => network !== mode.network),
  ]
  const endpoints: EndpointRecord[] = []
  for (const spec of specs) {
    const network = findNetwork(context.networks, spec.network)
    if (network.driver === 'host' || network.driver === 'none')
      throw new EngineError(
        'invalidArgument',
        `network.${network.driver}-mode`,
        `container cannot be connected to ${network.name} network beside others`,
      )
    endpoints.push(planEndpoint(network, { spec, interface: freeInterface(network, endpoints) }))
  }
  return endpoints
}
