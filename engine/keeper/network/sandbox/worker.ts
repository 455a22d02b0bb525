import { closeSync, openSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { EngineError } from '../../../contract/errors.ts'
import type { SandboxEndpoint } from '../../../host/network.ts'
import { enterNetworkNamespace, makeNetworkNamespace } from '../../libc/listen.ts'
import { bindMount } from '../../libc/mount.ts'
import { openRouteSocket, type RouteSocket } from '../../libc/rtnetlink.ts'
import type { FromSandboxThread, SandboxThreadData, SandboxWork, ToSandboxThread } from './protocol.ts'
import { addressRequest, deleteRequest, linkRequests, routeDevice, routeRequest, upRequest } from './requests.ts'

/** The two ends of the work: where bridges are, and a container's namespace, which `netnsFd` names. */
interface Ends {
  readonly home: RouteSocket
  readonly inside: RouteSocket
  readonly netnsFd: number
}

/**
 * The sandbox thread makes containers' network namespaces and joins them to networks, by system calls alone: a tool that
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
      error = EngineError.from(cause).toWire()
    }
    parentPort?.postMessage({ call, error } satisfies FromSandboxThread)
  })
}

function carryOut(work: SandboxWork, { home, homeFd }: { readonly home: RouteSocket; readonly homeFd: number }): void {
  let inside: RouteSocket
  try {
    if (work.type === 'create') {
      makeNetworkNamespace()
      bindMount('/proc/thread-self/ns/net', work.netnsPath)
    } else withFile(work.netnsPath, enterNetworkNamespace)
    inside = openRouteSocket()
  } finally {
    enterNetworkNamespace(homeFd)
  }
  try {
    withFile(work.netnsPath, (netnsFd) => {
      const ends: Ends = { home, inside, netnsFd }
      switch (work.type) {
        case 'create':
          inside.request(upRequest('lo'))
          for (const endpoint of work.endpoints) join(ends, endpoint)
          return
        case 'attach':
          return attach(ends, work.endpoint)
        case 'detach':
          unlessRefused(() => inside.request(deleteRequest(work.containerInterface)))
          for (const route of work.routes) unlessRefused(() => setRoute(inside, route))
      }
    })
  } finally {
    inside.close()
  }
}

function attach(ends: Ends, endpoint: SandboxEndpoint): void {
  try {
    join(ends, endpoint)
  } catch (error) {
    unlessRefused(() => ends.inside.request(deleteRequest(endpoint.containerInterface)))
    throw error
  }
}

function join({ home, inside, netnsFd }: Ends, endpoint: SandboxEndpoint): void {
  const [add, ...rest] = linkRequests(endpoint, { linkIndex: home.indexOf(endpoint.link), netnsFd })
  if (!add) return
  try {
    home.request(add)
  } catch (error) {
    // A veth of an earlier life may linger, since the kernel tears namespaces down in its own time.
    if (!endpoint.hostInterface || EngineError.from(error).reason !== 'libc.eexist') throw error
    unlessRefused(() => home.request(deleteRequest(endpoint.hostInterface)))
    home.request(add)
  }
  for (const request of rest) home.request(request)
  const name = endpoint.containerInterface
  inside.request(upRequest(name))
  const index = inside.indexOf(name)
  for (const address of endpoint.addresses) inside.request(addressRequest(address, index))
  for (const route of endpoint.routes) setRoute(inside, route)
}

function setRoute(inside: RouteSocket, route: string): void {
  const device = routeDevice(route)
  inside.request(routeRequest(route, device ? inside.indexOf(device) : 0))
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
