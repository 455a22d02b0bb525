import type { CreateContainer, MountSpec } from '../../contract/container.ts'
import { newId } from '../../lib/names.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import { targetOf } from '../container/mounts.ts'
import type { ServiceContext } from '../context.ts'
import { ensureVolume } from './create.ts'
import { findVolume } from './find.ts'
import { withVolumeLocks } from './locks.ts'
import { removeVolumeRecord } from './remove.ts'

/** What a request's mounts are made with. */
export interface VolumePlan {
  /** Anonymous volumes that were made already, by the place in the container that they are for. */
  readonly anonymous: ReadonlyMap<string, string>
  /** Keeps a volume from removal until the container is made. */
  readonly claim: (name: string) => void
}

/**
 * Plans and finishes a container while nobody removes a volume that it comes to name. Those with a name are locked while it
 * is planned; those of plugins are made before: a plugin that takes its time keeps no other container from being made. What
 * nobody came to use is removed again.
 */
export function withVolumes<P, T>(
  context: ServiceContext,
  request: { readonly config: Pick<CreateContainer, 'mounts'>; readonly kept: ContainerRecord['mounts'] },
  work: { readonly plan: (volumes: VolumePlan) => Promise<P>; readonly finish: (plan: P) => Promise<T> },
): Promise<T> {
  const volumes = request.config.mounts.filter(({ type }) => type === 'volume')
  const names = volumes.flatMap(({ source }) => (source === '' ? [] : [source]))
  return context.volumeClaims.during(async (claim) => {
    const made: string[] = []
    const anonymous = new Map<string, string>()
    names.forEach(claim)
    try {
      const plan = await withVolumeLocks(context, names, async () => {
        for (const spec of volumes) {
          const target = targetOf(spec)
          if (!(await isOfPlugin(context, spec))) continue
          if (spec.source === '' && request.kept.some((mount) => mount.isAnonymous && targetOf(mount) === target))
            continue
          const name = spec.source || newId()
          claim(name)
          if (await ensureVolume(context, toRequest(spec, name))) made.push(name)
          if (spec.source === '') anonymous.set(target, name)
        }
        return work.plan({ anonymous, claim })
      })
      return await work.finish(plan)
    } finally {
      for (const name of made)
        await removeVolumeRecord(context, name, 1).catch((error: unknown) =>
          context.log.warn({ volume: name, error: String(error) }, 'volume of a container that was not made is left'),
        )
    }
  })
}

async function isOfPlugin(context: ServiceContext, { source, driver }: MountSpec): Promise<boolean> {
  const server = driver || (source === '' ? 'local' : (await findVolume(context, source))?.driver)
  return server !== undefined && server !== 'local'
}

const toRequest = ({ source, labels, driver, driverOptions }: MountSpec, name: string) => ({
  name,
  isAnonymous: source === '',
  labels,
  driver,
  options: driverOptions,
})
