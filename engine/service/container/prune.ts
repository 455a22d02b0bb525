import type { ContainerSummary } from '../../contract/container.ts'
import type { ServiceContext } from '../context.ts'
import { publishPrune } from '../prune.ts'
import { listContainers } from './list.ts'
import { measureContainer } from './processes.ts'
import { removeContainer } from './remove.ts'

/** Removes containers that do not run, and says how many bytes were theirs alone. */
export async function pruneContainers(
  context: ServiceContext,
  isWanted: (container: ContainerSummary) => boolean,
): Promise<{ removed: string[]; reclaimedBytes: number }> {
  const removed: string[] = []
  let reclaimedBytes = 0
  for (const one of listContainers(context, true)) {
    if (!['exited', 'created', 'dead'].includes(one.status) || !isWanted(one)) continue
    const { ownBytes } = await measureContainer(context, one.id)
    await removeContainer(context, one.id, { force: false, volumes: false })
    reclaimedBytes += ownBytes
    removed.push(one.id)
  }
  publishPrune(context, 'container', reclaimedBytes)
  return { removed, reclaimedBytes }
}
