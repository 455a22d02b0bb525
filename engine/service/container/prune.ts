import type { ContainerSummary } from '../../contract/container.ts'
import { EngineError } from '../../contract/errors.ts'
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
    try {
      const { ownBytes } = await measureContainer(context, one.id)
      await removeContainer(context, one.id, { force: false, volumes: false })
      reclaimedBytes += ownBytes
      removed.push(one.id)
    } catch (error) {
      // One that was started or removed meanwhile keeps none of the others.
      if (!['notFound', 'conflict'].includes(EngineError.from(error).code)) throw error
    }
  }
  publishPrune(context, 'container', reclaimedBytes)
  return { removed, reclaimedBytes }
}
