import { EngineError } from '../../../contract/errors.ts'
import type { EndpointSpec } from '../../../contract/network.ts'
import { type Json, list, number, object, text } from './json.ts'

/**
 * An `EndpointConfig`: how a container joins a network.
 * @throws EngineError `notImplemented` that names what this engine has not
 */
export function readEndpoint(config: Json): Omit<EndpointSpec, 'network'> {
  const ipam = object(config['IPAMConfig'])
  const [option] = Object.keys(object(config['DriverOpts']))
  if (option !== undefined) throw refuse(`the endpoint's option ${option}`)
  if (list(ipam['LinkLocalIPs']).length > 0) throw refuse('a link-local address (--link-local-ip)')
  return {
    aliases: list(config['Aliases']),
    links: list(config['Links']),
    ipAddress: text(ipam['IPv4Address']),
    ipv6Address: text(ipam['IPv6Address']),
    macAddress: text(config['MacAddress']),
    priority: number(config['GwPriority']),
  }
}

const refuse = (what: string) =>
  new EngineError('notImplemented', 'network.not-supported', `${what} is not implemented here`)
