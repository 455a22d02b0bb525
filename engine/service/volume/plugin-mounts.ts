import { EngineError } from '../../contract/errors.ts'
import type { ContainerRecord, ResolvedMount } from '../../store/schema.ts'
import { putState } from '../container/update-state.ts'
import type { ServiceContext } from '../context.ts'

const isOfPlugin = ({ type, driver }: ResolvedMount) => type === 'volume' && driver !== '' && driver !== 'local'

/**
 * Has plugins mount their volumes for a container, once each; the mounts of the record that is answered lie where the
 * plugins say. Each volume is noted before it is asked for, so that it is given back whatever cuts this off. The caller
 * holds the container's lock, and gives back what was mounted when this fails.
 */
export async function mountPluginVolumes(context: ServiceContext, before: ContainerRecord): Promise<ContainerRecord> {
  let record = before
  for (const { driver, name } of before.mounts.filter(isOfPlugin)) {
    const { mountedVolumes } = record.state
    if (mountedVolumes.includes(name)) continue
    record = await putState(context, record, { mountedVolumes: [...mountedVolumes, name] })
    try {
      const hostPath = await context.volumePlugins.mount({ driver, name }, record.id)
      const mounts = record.mounts.map((mount) => (mount.name === name ? { ...mount, hostPath } : mount))
      record = { ...record, mounts }
    } catch (cause) {
      const { code, reason, message } = EngineError.from(cause)
      // It says itself that it did not mount it.
      if (reason === 'volume.plugin-refused') await putState(context, record, { mountedVolumes })
      throw new EngineError(code, reason, `error while mounting volume '${name}': ${message}`, { cause })
    }
  }
  return record
}

/** Gives back every volume that plugins hold mounted for a container. One that fails is logged: nobody would ask again. */
export async function unmountPluginVolumes(context: ServiceContext, id: string): Promise<void> {
  const record = context.containers.get(id)
  if (!record || record.state.mountedVolumes.length === 0) return
  for (const name of record.state.mountedVolumes) {
    const driver = record.mounts.find((mount) => mount.name === name)?.driver ?? ''
    await context.volumePlugins
      .unmount({ driver, name }, id)
      .catch((error: unknown) =>
        context.log.warn({ id, volume: name, error: String(error) }, 'volume not unmounted by its plugin'),
      )
  }
  await putState(context, record, { mountedVolumes: [] })
}
