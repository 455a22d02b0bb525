import { EngineError } from '../../../contract/errors.ts'
import type { RouteSocket } from '../../libc/rtnetlink.ts'
import { ensureBridge, findLink } from './bridge.ts'
import { join, leadToPort, setRoute, unlessRefused } from './join.ts'
import { Astray, type Home, workInside } from './namespace.ts'
import type { KnownBridge, KnownPlace, Mended } from './protocol.ts'
import { masterRequest, portRequest } from './requests.ts'

/**
 * Makes a bridge and its containers' ports as they were, where somebody took them away by hand; what is as it should be
 * is left alone. One port that cannot be mended does not keep the others from it.
 */
export function mend(at: Home, known: KnownBridge, places: readonly KnownPlace[]): Mended {
  const links: string[] = []
  if (mendBridge(at.home, known)) links.push(known.params.bridge)
  let error: Mended['error'] = null
  for (const place of places) {
    try {
      if (mendPort(at, place)) links.push(place.endpoint.hostInterface)
    } catch (cause) {
      if (cause instanceof Astray) throw cause
      error ??= EngineError.from(cause).toWire()
    }
  }
  return { links, error }
}

function mendBridge(home: RouteSocket, { params, mac, isOurs }: KnownBridge): boolean {
  if (findLink(home, params.bridge)) return false
  // Whoever made it may be about to make it again, and must not find one of ours in its place.
  if (!isOurs)
    throw new EngineError(
      'unavailable',
      'network.bridge-gone',
      `the bridge ${params.bridge} is gone, and it is not the engine's own: make it again, and containers are joined to it`,
      { details: { interface: params.bridge } },
    )
  ensureBridge(home, params, mac)
  return true
}

function mendPort(at: Home, { netnsPath, endpoint, routes }: KnownPlace): boolean {
  const { home } = at
  const bridge = home.link(endpoint.link).index
  const port = findLink(home, endpoint.hostInterface)
  if (port?.master === bridge) return false
  if (port) {
    for (const request of [masterRequest(endpoint, bridge), portRequest(endpoint)]) home.request(request)
    leadToPort(home, endpoint)
    return true
  }
  workInside(at, { netnsPath, isNew: false }, (ends) => {
    join(ends, { ...endpoint, routes: [] })
    // They went with the interface, unless they lead by another.
    for (const route of routes) unlessRefused(() => setRoute(ends.inside, route))
  })
  return true
}
