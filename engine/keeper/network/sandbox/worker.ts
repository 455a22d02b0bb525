import { closeSync, openSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { EngineError } from '../../../contract/errors.ts'
import type { SandboxEndpoint } from '../../../host/network.ts'
import { enterNetworkNamespace, makeNetworkNamespace } from '../../libc/listen.ts'
import { bindMount } from '../../libc/mount.ts'
import { openRouteSocket, type RouteSocket } from '../../libc/rtnetlink.ts'
import { ensureBridge, removeBridge } from './bridge.ts'
import { setIp6Switch } from './ip6-switch.ts'
import type { FromSandboxThread, NamespaceWork, SandboxThreadData, SandboxWork, ToSandboxThread } from './protocol.ts'
import {
  addressRequest,
  deleteRequest,
  linkRequests,
  portAddressRequest,
  routeDevice,
  routeRequest,
  upRequest,
} from './requests.ts'

/** The two ends of the work: where bridges are, and a container's namespace, which `netnsFd` names. */
interface Ends extends Home {
  readonly inside: RouteSocket
  readonly netnsFd: number
}

/**
 * The sandbox thread makes bridges and containers' network namespaces and joins them, by system calls alone: a tool that
 * is started for it costs more than the work. It lives where the bridges are, visits a container's namespace for the
 * moment that opens a socket there, and comes back; nothing else runs on it meanwhile.
 */
export function runSandboxes(): void {
  const { netnsPath } = workerData as SandboxThreadData
  if (netnsPath) withFile(netnsPath, enterNetworkNamespace)
  const homeFd = openSync('/proc/thread-self/ns/net', 'r')
  const home = openRouteSocket()
  parentPort?.on('message', ({ call, work }: ToSandboxThread) => {
    let error: FromSandboxThread['error'] = null
    try {
      carryOut(work, { home, homeFd })
    } catch (cause) {
      // Whatever came next would be done to a container's namespace: the thread ends, and another takes its place.
      if (cause instanceof Astray) throw cause
      error = EngineError.from(cause).toWire()
    }
    parentPort?.postMessage({ call, error } satisfies FromSandboxThread)
  })
}

/** The thread could not come back from a container's namespace. */
class Astray extends Error {}

/** A socket in the container's namespace, which is made for it if it is a new one. The thread is home again afterwards. */
function visit(work: NamespaceWork, homeFd: number): RouteSocket {
  try {
    if (work.type === 'create') {
      makeNetworkNamespace()
      bindMount('/proc/thread-self/ns/net', work.netnsPath)
    } else withFile(work.netnsPath, enterNetworkNamespace)
    return openRouteSocket()
  } finally {
    goHome(homeFd)
  }
}

function goHome(homeFd: number): void {
  try {
    enterNetworkNamespace(homeFd)
  } catch (cause) {
    throw new Astray('the sandbox thread cannot come back from a container’s namespace', { cause })
  }
}

interface Home {
  readonly home: RouteSocket
  readonly homeFd: number
}

function carryOut(work: SandboxWork, at: Home): void {
  if (work.type === 'ensure-bridge') ensureBridge(at.home, work.params)
  else if (work.type === 'remove-bridge') removeBridge(at.home, work.bridge)
  else carryOutInside(work, at)
}

function carryOutInside(work: NamespaceWork, at: Home): void {
  const inside = visit(work, at.homeFd)
  try {
    withFile(work.netnsPath, (netnsFd) => {
      const ends: Ends = { ...at, inside, netnsFd }
      switch (work.type) {
        case 'create':
          inside.request(upRequest('lo'))
          for (const endpoint of work.endpoints) join(ends, endpoint)
          return
        case 'attach':
          return join(ends, work.endpoint)
        case 'detach':
          unlessRefused(() => inside.request(deleteRequest(work.containerInterface)))
          for (const route of work.routes) unlessRefused(() => setRoute(inside, route))
      }
    })
  } finally {
    inside.close()
  }
}

/** Joins the namespace to a network, or leaves both as they were. */
function join(ends: Ends, endpoint: SandboxEndpoint): void {
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
    if (endpoint.kind === 'bridge') {
      const { hostInterface, macAddress } = endpoint
      home.request(portAddressRequest(hostInterface, home.link(hostInterface).index, macAddress))
    }
    if (!endpoint.addresses.some((address) => address.includes(':'))) disableIp6(ends, endpoint.containerInterface)
    setUp(inside, endpoint)
  } catch (error) {
    unlessRefused(() => inside.request(deleteRequest(endpoint.containerInterface)))
    throw error
  }
}

/** On a network without IPv6 an interface would give itself an address of its own, and take others' word for a router. */
function disableIp6({ homeFd, netnsFd }: Ends, interfaceName: string): void {
  try {
    enterNetworkNamespace(netnsFd)
    setIp6Switch(interfaceName, 'disable_ipv6', 1)
  } finally {
    goHome(homeFd)
  }
}

function setUp(inside: RouteSocket, endpoint: SandboxEndpoint): void {
  const name = endpoint.containerInterface
  inside.request(upRequest(name))
  const { index } = inside.link(name)
  for (const address of endpoint.addresses) inside.request(addressRequest(address, index))
  for (const route of endpoint.routes) setRoute(inside, route)
}

function setRoute(inside: RouteSocket, route: string): void {
  const device = routeDevice(route)
  inside.request(routeRequest(route, device ? inside.link(device).index : 0))
}

/** For what may be gone already. */
function unlessRefused(work: () => void): void {
  try {
    work()
  } catch {
    // There is nothing to take away, or nothing that it could lead to.
  }
}

function withFile<T>(file: string, use: (fd: number) => T): T {
  const fd = openSync(file, 'r')
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}
