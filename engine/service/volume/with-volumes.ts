import path from 'node:path'
import type { CreateContainer, MountSpec } from '../../contract/container.ts'
import { newId } from '../../lib/names.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { ensureVolume } from './create.ts'
import { findVolume } from './find.ts'
import { withVolumeLocks } from './locks.ts'
import { removeVolumeRecord } from './remove.ts'
import { usersOf } from './volumes.ts'

/** Anonymous volumes that were made already, by the place in the container that they are for. */
export type MadeVolumes = ReadonlyMap<string, string>

/**
 * Does work on a container's request while nobody makes or removes the volumes that it names. Those of plugins are made
 * before: a plugin that takes its time keeps no other container from being made. What the work does not come to use is
 * removed again.
 */
export async function withVolumes<T>(
  context: ServiceContext,
  request: { readonly config: Pick<CreateContainer, 'mounts'>; readonly kept: ContainerRecord['mounts'] },
  work: (made: MadeVolumes) => Promise<T>,
): Promise<T> {
  const volumes = request.config.mounts.filter(({ type }) => type === 'volume')
  const names = volumes.flatMap(({ source }) => (source === '' ? [] : [source]))
  return withVolumeLocks(context, names, async () => {
    const made: string[] = []
    const anonymous = new Map<string, string>()
    try {
      for (const spec of volumes) {
        const target = path.posix.normalize(spec.target)
        if (!(await isOfPlugin(context, spec))) continue
        if (spec.source === '' && request.kept.some((mount) => mount.isAnonymous && mount.target === target)) continue
        const name = spec.source || newId()
        if (await ensureVolume(context, toRequest(spec, name))) made.push(name)
        if (spec.source === '') anonymous.set(target, name)
      }
      return await work(anonymous)
    } finally {
      for (const name of made) {
        if (usersOf(context, name).length > 0) continue
        await removeVolumeRecord(context, name).catch((error: unknown) =>
          context.log.warn({ volume: name, error: String(error) }, 'volume of a container that was not made is left'),
        )
      }
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
