import { openSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { EngineError } from '../../../contract/errors.ts'
import { enterNetworkNamespace } from '../../libc/listen.ts'
import { openRouteSocket } from '../../libc/rtnetlink.ts'
import { ensureBridge, removeBridge } from './bridge.ts'
import { join, setRoute, unlessRefused } from './join.ts'
import { mend } from './mend.ts'
import { Astray, type Ends, type Home, withFile, workInside } from './namespace.ts'
import type {
  FromSandboxThread,
  NamespaceWork,
  SandboxResult,
  SandboxThreadData,
  SandboxWork,
  ToSandboxThread,
} from './protocol.ts'
import { deleteRequest, upRequest } from './requests.ts'

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
  const answer = (work: SandboxWork): Omit<FromSandboxThread, 'call'> => {
    try {
      return { result: carryOut(work, { home, homeFd }), error: null }
    } catch (cause) {
      // Whatever came next would be done to a container's namespace: the thread ends, and another takes its place.
      if (cause instanceof Astray) throw cause
      return { result: null, error: EngineError.from(cause).toWire() }
    }
  }
  parentPort?.on('message', ({ call, work }: ToSandboxThread) =>
    parentPort?.postMessage({ call, ...answer(work) } satisfies FromSandboxThread),
  )
}

function carryOut(work: SandboxWork, at: Home): SandboxResult {
  switch (work.type) {
    case 'ensure-bridge':
      return { made: ensureBridge(at.home, work.params, work.mac) }
    case 'remove-bridge':
      removeBridge(at.home, work.bridge)
      return null
    case 'mend':
      return { mended: mend(at, work.bridge, work.places) }
    default:
      workInside(at, { netnsPath: work.netnsPath, isNew: work.type === 'create' }, (ends) => carryOutInside(work, ends))
      return null
  }
}

function carryOutInside(work: NamespaceWork, ends: Ends): void {
  const { inside } = ends
  switch (work.type) {
    case 'create':
      inside.request(upRequest('lo'))
      for (const endpoint of work.endpoints) join(ends, endpoint)
      return
    case 'attach':
      join(ends, work.endpoint)
      return
    case 'detach':
      unlessRefused(() => inside.request(deleteRequest(work.containerInterface)))
      for (const route of work.routes) unlessRefused(() => setRoute(inside, route))
  }
}
