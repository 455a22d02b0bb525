import { existsSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { EngineError } from '../../contract/errors.ts'
import type { Host } from '../../host/host.ts'
import type { SandboxEndpoint } from '../../host/network.ts'
import { run } from '../exec.ts'
import { unmount } from '../libc/mount.ts'
import { endpointBatch, loopbackBatch } from './batch.ts'
import type { createLinks } from './links.ts'

type SandboxCalls = Pick<Host, 'createSandbox' | 'removeSandbox' | 'attachEndpoint' | 'detachEndpoint'>

/** Containers' network namespaces, each bound to a file so that it outlives the processes in it. */
export function createSandboxes(
  folder: string,
  links: ReturnType<typeof createLinks>,
): SandboxCalls & { readonly pathOf: (containerId: string) => string } {
  const pathOf = (id: string) => path.join(folder, id)
  const inside = (netnsPath: string, batch: string, force = false) =>
    run(['nsenter', `--net=${netnsPath}`, 'ip', ...(force ? ['-force'] : []), '-batch', '-'], {
      input: batch,
      okExitCodes: force ? 'any' : [0],
    })
  const add = async (netnsPath: string, endpoints: readonly SandboxEndpoint[], first = '') => {
    for (const endpoint of endpoints) await links.add(endpoint, netnsPath)
    await inside(netnsPath, first + endpoints.map(endpointBatch).join(''))
  }
  return {
    pathOf,
    async createSandbox({ containerId, endpoints }) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const netnsPath = pathOf(containerId)
      await removeNamespace(netnsPath)
      await writeFile(netnsPath, '', { mode: 0o600 })
      try {
        await run(['unshare', `--net=${netnsPath}`, 'true'])
        await add(netnsPath, endpoints, loopbackBatch)
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
      await add(netnsPath, [endpoint]).catch(async (error: unknown) => {
        await inside(netnsPath, `link delete ${endpoint.containerInterface}\n`, true)
        throw error
      })
    },
    async detachEndpoint({ containerId, containerInterface, routes }) {
      const netnsPath = pathOf(containerId)
      if (!existsSync(netnsPath)) return
      const batch = [`link delete ${containerInterface}`, ...routes.map((route) => `route replace ${route}`), '']
      await inside(netnsPath, batch.join('\n'), true)
    },
  }
}

async function removeNamespace(netnsPath: string): Promise<void> {
  if (!existsSync(netnsPath)) return
  unmount(netnsPath)
  await rm(netnsPath, { force: true })
}
