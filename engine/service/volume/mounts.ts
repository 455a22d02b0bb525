import { EngineError } from '../../contract/errors.ts'
import type { ContainerRecord, ResolvedMount } from '../../store/schema.ts'
import { type LocalMount, readLocalMount } from '../../volume/local-options.ts'
import { putState } from '../container/update-state.ts'
import type { ServiceContext } from '../context.ts'

/** Of a plugin, or with options of the local driver: there is something to mount before it can be used. */
const isMountable = (context: ServiceContext, { type, driver, name }: ResolvedMount) =>
  type === 'volume' && ((driver !== '' && driver !== 'local') || localMountOf(context, name) !== null)

function localMountOf(context: ServiceContext, name: string): LocalMount | null {
  const volume = context.volumes.get(name)
  return volume?.driver === 'local' ? readLocalMount(volume.options) : null
}

/** The last lock that is taken: whoever has it waits for no other. */
const withMountLock = <T>({ locks }: ServiceContext, name: string, work: () => Promise<T>): Promise<T> =>
  locks.withLock(`volume-mount:${name}`, work)

/**
 * Has the volumes of a container mounted, once each; the mounts of the record that is answered lie where their drivers
 * say. Each volume is noted before it is asked for, so that it is given back whatever cuts this off. The caller holds
 * the container's lock, and gives back what was mounted when this fails.
 */
export async function mountVolumes(context: ServiceContext, before: ContainerRecord): Promise<ContainerRecord> {
  let record = before
  for (const mount of before.mounts.filter((one) => isMountable(context, one))) {
    const { name } = mount
    if (record.state.mountedVolumes.includes(name)) continue
    record = await withMountLock(context, name, () => mountVolume(context, record, mount))
  }
  return record
}

async function mountVolume(
  context: ServiceContext,
  before: ContainerRecord,
  { driver, name, hostPath: folder }: ResolvedMount,
): Promise<ContainerRecord> {
  const { mountedVolumes } = before.state
  const record = await putState(context, before, { mountedVolumes: [...mountedVolumes, name] })
  const local = localMountOf(context, name)
  try {
    if (local) {
      await context.volume.mount(local, context.layout.volumeData(name))
      return record
    }
    const hostPath = await context.volumePlugins.mount({ driver, name }, record.id)
    const mounts = record.mounts.map((mount) => (mount.name === name ? { ...mount, hostPath } : mount))
    return { ...record, mounts }
  } catch (cause) {
    const { code, reason, message } = EngineError.from(cause)
    // It says itself that it did not mount it.
    if (reason === 'volume.plugin-refused') await putState(context, record, { mountedVolumes })
    throw new EngineError(code, reason, `error while mounting volume '${local ? folder : name}': ${message}`, { cause })
  }
}

/** Gives back every volume that is mounted for a container. One that fails is logged: nobody would ask again. */
export async function unmountVolumes(context: ServiceContext, id: string): Promise<void> {
  const noted = context.containers.get(id)?.state.mountedVolumes ?? []
  for (const name of noted) await withMountLock(context, name, () => unmountVolume(context, id, name))
}

async function unmountVolume(context: ServiceContext, id: string, name: string): Promise<void> {
  const record = context.containers.get(id)
  if (!record) return
  const driver = record.mounts.find((mount) => mount.name === name)?.driver ?? ''
  const isLocal = driver === '' || driver === 'local'
  if (!isLocal || !isHeld(context, name, id))
    await (isLocal
      ? context.volume.unmount(context.layout.volumeData(name))
      : context.volumePlugins.unmount({ driver, name }, id)
    ).catch((error: unknown) =>
      context.log.warn({ id, volume: name, error: String(error) }, 'volume of a container not unmounted'),
    )
  const mountedVolumes = record.state.mountedVolumes.filter((one) => one !== name)
  await putState(context, record, { mountedVolumes })
}

/** Whether a container has the volume mounted, another one than `id`. */
const isHeld = ({ containers }: ServiceContext, name: string, id = ''): boolean =>
  containers.list().some((other) => other.id !== id && other.state.mountedVolumes.includes(name))

/** Unmounts the local volumes that are mounted for nobody: what an unmount that failed, or a container without a record, has left. */
export async function sweepVolumeMounts(context: ServiceContext): Promise<void> {
  for (const { name } of context.volumes.list().filter((volume) => localMountOf(context, volume.name) !== null))
    await withMountLock(context, name, async () => {
      if (!isHeld(context, name)) await context.volume.unmount(context.layout.volumeData(name))
    }).catch((error: unknown) => {
      if (EngineError.from(error).reason === 'keeper.lost') throw error
      context.log.warn({ volume: name, error: String(error) }, 'volume that nobody uses not unmounted')
    })
}
