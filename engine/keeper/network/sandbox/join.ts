import { EngineError } from '../../../contract/errors.ts'
import type { SandboxEndpoint } from '../../../host/network.ts'
import { enterNetworkNamespace } from '../../libc/listen.ts'
import type { RouteSocket } from '../../libc/rtnetlink.ts'
import { setIp6Switch } from './ip6-switch.ts'
import { type Ends, visit } from './namespace.ts'
import {
  addressRequest,
  deleteRequest,
  linkRequests,
  portAddressRequest,
  routeDevice,
  routeRequest,
  upRequest,
} from './requests.ts'

/** Joins a container's namespace to a network, or leaves both as they were. */
export function join(ends: Ends, endpoint: SandboxEndpoint): void {
  const { home, inside, netnsFd } = ends
  const [add, ...rest] = linkRequests(endpoint, { linkIndex: home.link(endpoint.link).index, netnsFd })
  if (!add) return
  try {
    home.request(add)
  } catch (error) {
    // A veth of an earlier life may linger, since the kernel tears namespaces down in its own time.
    if (!endpoint.hostInterface || EngineError.from(error).reason !== 'libc.eexist') throw error
    unlessRefused(() => home.request(deleteRequest(endpoint.hostInterface)))
    home.request(add)
  }
  try {
    for (const request of rest) home.request(request)
    if (endpoint.kind === 'bridge') leadToPort(home, endpoint)
    if (!endpoint.addresses.some((address) => address.includes(':'))) disableIp6(ends, endpoint.containerInterface)
    setUp(inside, endpoint)
  } catch (error) {
    unlessRefused(() => inside.request(deleteRequest(endpoint.containerInterface)))
    throw error
  }
}

/** Tells the bridge whose address is behind a container's port. */
export function leadToPort(home: RouteSocket, { hostInterface, macAddress }: SandboxEndpoint): void {
  home.request(portAddressRequest(hostInterface, home.link(hostInterface).index, macAddress))
}

/** On a network without IPv6 an interface would give itself an address of its own, and take others' word for a router. */
function disableIp6({ homeFd, netnsFd }: Ends, interfaceName: string): void {
  visit(homeFd, () => {
    enterNetworkNamespace(netnsFd)
    setIp6Switch(interfaceName, 'disable_ipv6', 1)
  })
}

function setUp(inside: RouteSocket, endpoint: SandboxEndpoint): void {
  const name = endpoint.containerInterface
  inside.request(upRequest(name))
  const { index } = inside.link(name)
  for (const address of endpoint.addresses) inside.request(addressRequest(address, index))
  for (const route of endpoint.routes) setRoute(inside, route)
}

/** Sets a default route, in place of the one that is there. */
export function setRoute(inside: RouteSocket, route: string): void {
  const device = routeDevice(route)
  inside.request(routeRequest(route, device ? inside.link(device).index : 0))
}

/** For what may be gone already. */
export function unlessRefused(work: () => void): void {
  try {
    work()
  } catch {
    // There is nothing to take away, or nothing that it could lead to.
  }
}
