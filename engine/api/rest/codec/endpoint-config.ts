import { EngineError } from '../../../contract/errors.ts'
import type { EndpointSpec } from '../../../contract/network.ts'
import { type Json, list, object, text } from './json.ts'

/**
 * An `EndpointConfig`: how a container joins a network, still to be checked.
 * @throws EngineError `notImplemented` that names what this engine has not
 */
export function readEndpoint(config: Json): Readonly<Record<Exclude<keyof EndpointSpec, 'network'>, unknown>> {
  const ipam = object(config['IPAMConfig'])
  const [option] = Object.keys(object(config['DriverOpts']))
  if (option !== undefined) throw refuse(`the endpoint's option ${option}`)
  if (list(ipam['LinkLocalIPs']).length > 0) throw refuse('a link-local address (--link-local-ip)')
  return {
    aliases: config['Aliases'] ?? [],
    links: config['Links'] ?? [],
    ipAddress: text(ipam['IPv4Address']),
    ipv6Address: text(ipam['IPv6Address']),
    macAddress: text(config['MacAddress']),
    priority: config['GwPriority'] ?? 0,
  }
}

const refuse = (what: string) =>
  new EngineError('notImplemented', 'network.not-supported', `${what} is not implemented here`)
