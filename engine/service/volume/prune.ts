import { EngineError } from '../../contract/errors.ts'
import type { VolumeSummary } from '../../contract/volume.ts'
import type { ServiceContext } from '../context.ts'
import { publishPrune } from '../prune.ts'
import { removeVolume } from './remove.ts'
import { isPlain, listVolumes, measureVolumes } from './volumes.ts'

/**
 * Removes volumes that no container mentions, and says how many bytes that freed. As with Docker, those that options
 * have mounted are spared: nothing would be freed, and what lies in them is somebody's elsewhere.
 */
export async function pruneVolumes(
  context: ServiceContext,
  isWanted: (volume: VolumeSummary) => boolean,
): Promise<{ removed: string[]; reclaimedBytes: number }> {
  const unused = listVolumes(context)
    .filter((one) => one.usedBy.length === 0 && (one.driver !== 'local' || isPlain(one)) && isWanted(one))
    .map(({ name }) => name)
  const wanted = new Set(unused)
  const sizes = await measureVolumes(context, (name) => wanted.has(name))
  const removed: string[] = []
  for (const name of unused) if (await isRemoved(context, name)) removed.push(name)
  const reclaimedBytes = removed.reduce((sum, name) => sum + (sizes[name] ?? 0), 0)
  publishPrune(context, 'volume', reclaimedBytes)
  return { removed, reclaimedBytes }
}

/** One that is used since, or that its plugin does not give up, keeps none of the others. */
async function isRemoved(context: ServiceContext, name: string): Promise<boolean> {
  return removeVolume(context, name, { force: false }).then(
    () => true,
    (error: unknown) => {
      if (EngineError.from(error).reason.startsWith('volume.')) return false
      throw error
    },
  )
}
