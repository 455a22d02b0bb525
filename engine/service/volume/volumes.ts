import { EngineError } from '../../contract/errors.ts'
import type { VolumeSummary } from '../../contract/volume.ts'
import { newId, validateName } from '../../lib/names.ts'
import type { VolumeRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'

/** Held by who makes containers too: no volume goes between being found there and being mentioned by a container. */
const VOLUMES_LOCK = 'containers'

/** What a volume is made with; no driver is `local` for a new one, and whichever serves one that is there. */
export interface VolumeRequest {
  readonly name: string
  readonly labels: Record<string, string>
  readonly driver?: string
  readonly options?: Record<string, string>
}

/** Makes a volume when there is none of that name; answers whether it made one. */
export async function ensureVolume(
  context: ServiceContext,
  { name, isAnonymous, labels, driver = '', options = {} }: VolumeRequest & { readonly isAnonymous: boolean },
): Promise<boolean> {
  const [option] = Object.keys(options)
  const found = context.volumes.get(name)
  if (option !== undefined && (driver || found?.driver || 'local') === 'local')
    throw new EngineError(
      'notImplemented',
      'volume.local-options',
      `create ${name}: option ${JSON.stringify(option.slice(0, 100))}: the local driver mounts nothing here and takes no options; mount it on this machine and bind the folder, or use a volume plugin`,
    )
  if (found && driver !== '' && driver !== found.driver)
    throw new EngineError(
      'conflict',
      'volume.other-driver',
      `create ${name}: driver '${found.driver}' already has volume '${name}': volume name must be unique`,
    )
  if (found) return false
  validateName(name)
  const createdAt = context.now().toISOString()
  const record: VolumeRecord = {
    version: 1,
    createdAt,
    name,
    isAnonymous,
    labels,
    driver: driver || 'local',
    options,
    scope: 'local',
  }
  if (record.driver === 'local') {
    await context.volume.create(context.layout.volumeData(name))
    await context.volumes.put(record)
  } else {
    const scope = await context.volumePlugins.scope(record.driver)
    await naming('create', name, context.volumePlugins.create(record, options))
    await context.volumes.put({ ...record, scope })
  }
  context.bus.publish({ type: 'volume', action: 'create', id: name, attributes: { driver: record.driver } })
  return true
}

/** Makes a named volume, or an anonymous one where the name is empty. An existing one is answered as it is. */
export async function createVolume(context: ServiceContext, input: VolumeRequest): Promise<VolumeSummary> {
  const name = input.name || newId()
  await context.locks.withLock(VOLUMES_LOCK, () =>
    ensureVolume(context, { ...input, name, isAnonymous: input.name === '' }),
  )
  return summarise(context, getVolume(context, name))
}

/** Removes a volume that no container mentions; with `force` also one that its plugin does not give up. */
export async function removeVolume(
  context: ServiceContext,
  name: string,
  options: { readonly force: boolean },
): Promise<void> {
  await context.locks.withLock(VOLUMES_LOCK, async () => {
    getVolume(context, name)
    const [user] = usersOf(context, name)
    if (user) {
      throw new EngineError('conflict', 'volume.in-use', `remove ${name}: volume is in use - [${user}]`, {
        details: { volume: name, container: user },
      })
    }
    await removeVolumeRecord(context, name, options)
  })
}

/** Removes a volume's files and record, unless somebody uses it. */
export async function removeVolumeRecord(
  context: ServiceContext,
  name: string,
  { force } = { force: false },
): Promise<void> {
  if (usersOf(context, name).length > 0) return
  const record = context.volumes.get(name)
  if (record && record.driver !== 'local') {
    await naming('remove', name, context.volumePlugins.remove(record)).catch((error: unknown) => {
      if (!force) throw error
      context.log.warn({ volume: name, error: String(error) }, 'volume not removed by its plugin')
    })
  } else await context.volume.remove(context.layout.volumeData(name))
  await context.volumes.delete(name)
  await context.volume.remove(context.layout.volume(name))
  context.bus.publish({
    type: 'volume',
    action: 'destroy',
    id: name,
    attributes: { driver: record?.driver ?? 'local' },
  })
}

/** A plugin's words with the volume that they are about, as Docker has them. */
async function naming<T>(action: string, name: string, work: Promise<T>): Promise<T> {
  return work.catch((cause: unknown) => {
    const { code, reason, message } = EngineError.from(cause)
    throw new EngineError(code, reason, `${action} ${name}: ${message}`, { cause })
  })
}

/** A volume with what its plugin tells of it at this moment. */
export async function inspectVolume(
  context: ServiceContext,
  name: string,
): Promise<VolumeSummary & { readonly status: Readonly<Record<string, unknown>> }> {
  const record = getVolume(context, name)
  const summary = summarise(context, record)
  if (record.driver === 'local') return { ...summary, status: {} }
  return { ...summary, ...(await naming('get', name, context.volumePlugins.get(record))) }
}

/** Every volume, newest first. */
export function listVolumes(context: ServiceContext): VolumeSummary[] {
  return [...context.volumes.list()]
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt))
    .map((record) => summarise(context, record))
}

/** Bytes that each volume's files take, by name; what lies at a plugin is not measured. */
export async function measureVolumes(
  context: ServiceContext,
  isWanted: (name: string) => boolean = () => true,
): Promise<Record<string, number>> {
  const sizes = context.volumes
    .list()
    .filter(({ name, driver }) => driver === 'local' && isWanted(name))
    .map(async ({ name }) => [name, await context.runtime.treeSize(context.layout.volumeData(name))] as const)
  return Object.fromEntries(await Promise.all(sizes))
}

export function getVolume(context: ServiceContext, name: string): VolumeRecord {
  const record = context.volumes.get(name)
  if (!record)
    throw new EngineError('notFound', 'volume.not-found', `get ${name}: no such volume`, { details: { volume: name } })
  return record
}

/** Where a volume's files are, which of a plugin's volume is known only while it is mounted. */
export const mountpointOf = (context: ServiceContext, { name, driver }: VolumeRecord): string =>
  driver === 'local' ? context.layout.volumeData(name) : ''

function usersOf(context: ServiceContext, name: string): string[] {
  return context.containers
    .list()
    .filter((record) => record.mounts.some((mount) => mount.name === name))
    .map((record) => record.id)
}

function summarise(context: ServiceContext, record: VolumeRecord): VolumeSummary {
  return {
    name: record.name,
    createdAt: record.createdAt,
    mountpoint: mountpointOf(context, record),
    anonymous: record.isAnonymous,
    labels: record.labels,
    usedBy: usersOf(context, record.name),
    driver: record.driver,
    options: record.options,
    scope: record.scope,
  }
}
