import { EngineError } from '../../contract/errors.ts'
import { readLocalMount } from '../../volume/local-options.ts'
import type { ServiceContext } from '../context.ts'
import { findVolume, noSuchVolume } from './find.ts'
import { withVolumeLocks } from './locks.ts'
import { naming } from './naming.ts'
import { usersOf } from './volumes.ts'

/** Removes a volume that no container mentions; with `force` also one that its plugin does not give up. */
export async function removeVolume(
  context: ServiceContext,
  name: string,
  options: { readonly force: boolean },
): Promise<void> {
  const discard = await withVolumeLocks(context, [name], async () => {
    if (!(await findVolume(context, name))) throw noSuchVolume(name)
    const [user] = usersOf(context, name)
    if (user) {
      throw new EngineError('conflict', 'volume.in-use', `remove ${name}: volume is in use - [${user}]`, {
        details: { volume: name, container: user },
      })
    }
    if (context.volumeClaims.count(name) > 0)
      throw new EngineError(
        'conflict',
        'volume.in-use',
        `remove ${name}: volume is in use by a container that is being made`,
      )
    return takeVolume(context, name, options)
  })
  await discard()
}

/** Removes a volume's files and record, unless somebody uses it; `ownClaims` are those of the caller's own work. */
export async function removeVolumeRecord(context: ServiceContext, name: string, ownClaims = 0): Promise<void> {
  if (usersOf(context, name).length > 0 || context.volumeClaims.count(name) > ownClaims) return
  const discard = await takeVolume(context, name, { force: false })
  await discard()
}

/** Takes a volume out of use; what is answered removes its files, which may take long, and says that it is gone. */
const takeVolume = (
  context: ServiceContext,
  name: string,
  options: { readonly force: boolean },
): Promise<() => Promise<void>> => context.volumeClaims.take(name, () => setVolumeAside(context, name, options))

async function setVolumeAside(
  context: ServiceContext,
  name: string,
  { force }: { readonly force: boolean },
): Promise<() => Promise<void>> {
  const record = context.volumes.get(name)
  if (record && record.driver !== 'local') {
    await naming('remove', name, context.volumePlugins.remove(record)).catch((error: unknown) => {
      if (!force) throw error
      context.log.warn({ volume: name, error: String(error) }, 'volume not removed by its plugin')
    })
  }
  // Nothing of what was mounted on it is removed with it.
  if (record?.driver === 'local' && readLocalMount(record.options))
    await context.volume.unmount(context.layout.volumeData(name))
  // The record goes first: folders without one are swept away at the next start.
  await context.volumes.delete(name)
  const folder = context.layout.volume(name)
  const tell = () =>
    context.bus.publish({
      type: 'volume',
      action: 'destroy',
      id: name,
      attributes: { driver: record?.driver ?? 'local' },
    })
  const filesLeft = (where: string) => (cause: unknown) => {
    tell()
    throw new EngineError(
      'internal',
      'volume.files-left',
      `remove ${name}: the volume is gone, but not all of its files: ${EngineError.from(cause).message}; what is left is in ${where}, and is tried again at the next start of the engine`,
      { cause },
    )
  }
  const aside = await context.volume.setAside(folder).catch(filesLeft(folder))
  return async () => {
    if (aside) await context.volume.remove(aside).catch(filesLeft(aside))
    tell()
  }
}
