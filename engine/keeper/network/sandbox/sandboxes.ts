import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../../contract/errors.ts'
import type { Host } from '../../../host/host.ts'
import { unmount } from '../../libc/mount.ts'
import type { SandboxThread } from './client.ts'

type SandboxCalls = Pick<Host, 'createSandbox' | 'removeSandbox' | 'attachEndpoint' | 'detachEndpoint'>

/** Containers' network namespaces, each bound to a file so that it outlives the processes in it. */
export function createSandboxes(
  folder: string,
  thread: Pick<SandboxThread, 'carryOut'>,
): SandboxCalls & { readonly pathOf: (containerId: string) => string } {
  const pathOf = (id: string) => path.join(folder, id)
  return {
    pathOf,
    async createSandbox({ containerId, endpoints }) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const netnsPath = pathOf(containerId)
      await removeNamespace(netnsPath)
      await writeFile(netnsPath, '', { mode: 0o600 })
      try {
        await thread.carryOut({ type: 'create', netnsPath, endpoints })
        return { netnsPath }
      } catch (error) {
        await removeNamespace(netnsPath)
        throw error
      }
    },
    removeSandbox: ({ containerId }) => removeNamespace(pathOf(containerId)),
    async attachEndpoint({ containerId, endpoint }) {
      const netnsPath = pathOf(containerId)
      if (!existsSync(netnsPath))
        throw new EngineError('notFound', 'sandbox.missing', `container ${containerId} has no network namespace`)
      await thread.carryOut({ type: 'attach', netnsPath, endpoint })
    },
    async detachEndpoint({ containerId, containerInterface, routes }) {
      const netnsPath = pathOf(containerId)
      if (existsSync(netnsPath)) await thread.carryOut({ type: 'detach', netnsPath, containerInterface, routes })
    },
  }
}

async function removeNamespace(netnsPath: string): Promise<void> {
  if (!existsSync(netnsPath)) return
  unmount(netnsPath)
  await rm(netnsPath, { force: true })
}
