import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { cleanHost } from './container/exit.ts'
import type { ServiceContext } from './context.ts'

/** Takes away what a container without a record has on this machine. */
export async function forget(context: ServiceContext, id: string): Promise<void> {
  await context.locks
    .withLock(id, async () => {
      if (context.containers.get(id)) return
      await cleanHost(context, id)
      await context.runtime.removeTree(context.layout.bundle(id))
    })
    .catch((error: unknown) => context.log.warn({ id, error: String(error) }, 'traces not removed'))
}

/**
 * Removes folders of containers and volumes that have no record: a creation or removal was cut off. Only before the
 * engine serves, since a folder comes before its record.
 */
export async function sweepFolders(context: ServiceContext): Promise<void> {
  const { layout, containers, volumes } = context
  const stores = [
    { folder: layout.containers, isKnown: (name: string) => containers.get(name) !== undefined },
    { folder: layout.volumes, isKnown: (name: string) => volumes.get(name) !== undefined },
  ]
  for (const { folder, isKnown } of stores) {
    for (const name of await readdir(folder)) {
      // A record that could not be read is kept with what belongs to it.
      const inside = isKnown(name) ? [] : await readdir(path.join(folder, name)).catch(() => null)
      if (isKnown(name) || inside?.some((entry) => entry.endsWith('.unreadable'))) continue
      await context.runtime
        .removeTree(path.join(folder, name))
        .catch((error: unknown) => context.log.warn({ name, error: String(error) }, 'folder not removed'))
    }
  }
}
