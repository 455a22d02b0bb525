import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../../contract/errors.ts'
import type { Host } from '../../../host/host.ts'
import { unmount } from '../../libc/mount.ts'
import type { SandboxThread } from './client.ts'
import { type KnownLinks, withEndpoint, withoutEndpoint } from './known-links.ts'

type SandboxCalls = Pick<Host, 'createSandbox' | 'removeSandbox' | 'attachEndpoint' | 'detachEndpoint'>

/** Containers' network namespaces, each bound to the file that `pathOf` names, so that it outlives the processes in it. */
export function createSandboxes(
  pathOf: (containerId: string) => string,
  { thread, known }: { readonly thread: Pick<SandboxThread, 'carryOut'>; readonly known: KnownLinks },
): SandboxCalls {
  return {
    async createSandbox({ containerId, endpoints }) {
      const netnsPath = pathOf(containerId)
      await mkdir(path.dirname(netnsPath), { recursive: true, mode: 0o700 })
      known.forgetContainer(containerId)
      await removeNamespace(netnsPath)
      await writeFile(netnsPath, '', { mode: 0o600 })
      try {
        await thread.carryOut({ type: 'create', netnsPath, endpoints })
        if (endpoints.length > 0)
          known.setContainer(containerId, { endpoints, routes: endpoints.flatMap(({ routes }) => routes) })
        return { netnsPath }
      } catch (error) {
        known.forgetContainer(containerId)
        await removeNamespace(netnsPath)
        throw error
      }
    },
    removeSandbox({ containerId }) {
      // First, so that what goes with the namespace is not taken for lost.
      known.forgetContainer(containerId)
      return removeNamespace(pathOf(containerId))
    },
    async attachEndpoint({ containerId, endpoint }) {
      const netnsPath = pathOf(containerId)
      if (!existsSync(netnsPath))
        throw new EngineError('notFound', 'sandbox.missing', `container ${containerId} has no network namespace`)
      await thread.carryOut({ type: 'attach', netnsPath, endpoint })
      known.setContainer(containerId, withEndpoint(known.container(containerId), endpoint))
    },
    async detachEndpoint({ containerId, containerInterface, routes }) {
      const netnsPath = pathOf(containerId)
      if (!existsSync(netnsPath)) return
      known.setContainer(containerId, withoutEndpoint(known.container(containerId), { containerInterface, routes }))
      await thread.carryOut({ type: 'detach', netnsPath, containerInterface, routes })
    },
  }
}

async function removeNamespace(netnsPath: string): Promise<void> {
  if (!existsSync(netnsPath)) return
  unmount(netnsPath)
  await rm(netnsPath, { force: true })
}
