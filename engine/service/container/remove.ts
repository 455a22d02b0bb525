import { EngineError } from '../../contract/errors.ts'
import type { ContainerRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { removeVolumeRecord } from '../volume/remove.ts'
import { cleanHost } from './exit.ts'
import { findContainer } from './find.ts'
import { goesOn } from './state.ts'
import { killContainer } from './stop.ts'
import { publishContainer, putState } from './update-state.ts'

/** Removes a container; one that runs, or waits for its next start, only with `force`, which kills it first. */
export async function removeContainer(
  context: ServiceContext,
  ref: string,
  options: { readonly force: boolean; readonly volumes: boolean },
): Promise<void> {
  const record = findContainer(context.containers, ref)
  if (goesOn(record.state.status)) {
    if (!options.force) {
      throw new EngineError(
        'conflict',
        'container.running',
        `cannot remove container "/${record.name}": container is ${record.state.status}: stop the container before removing or force remove`,
        { details: { name: record.name } },
      )
    }
    await killContainer(context, record.id, 'SIGKILL').catch((error: unknown) => {
      // One that ended by itself meanwhile is removed all the same.
      if (goesOn(context.containers.get(record.id)?.state.status ?? 'exited')) throw error
    })
  }
  await context.locks.withLock(record.id, async () => {
    const current = context.containers.get(record.id)
    if (current) await removeLocked(context, current, options)
  })
}

/** Removes what a stopped container has on disk. The caller holds its lock. */
export async function removeLocked(
  context: ServiceContext,
  record: ContainerRecord,
  options: { readonly volumes: boolean },
): Promise<void> {
  const removing = await putState(context, record, { status: 'removing', removesVolumes: options.volumes })
  if (record.state.status !== 'exited' && record.state.status !== 'created') await cleanHost(context, record.id)
  try {
    const { layout, runtime } = context
    await Promise.all([layout.bundle(record.id), layout.container(record.id)].map(runtime.removeTree))
  } catch (error) {
    await putState(context, removing, { status: 'dead', error: String(error), mountedVolumes: [] })
    throw error
  }
  await context.containers.delete(record.id)
  publishContainer(context, record, 'destroy')
  if (!options.volumes) return
  for (const mount of record.mounts) {
    if (mount.type === 'volume' && mount.isAnonymous) {
      await removeVolumeRecord(context, mount.name).catch((error: unknown) =>
        context.log.warn({ volume: mount.name, error: String(error) }, 'anonymous volume not removed'),
      )
    }
  }
}
