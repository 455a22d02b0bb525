import { EngineError } from '../../contract/errors.ts'
import type { VolumeSummary } from '../../contract/volume.ts'
import { newId, validateName } from '../../lib/names.ts'
import type { VolumeRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'

/** Makes a volume when there is none of that name; answers whether it made one. */
export async function ensureVolume(
  context: ServiceContext,
  wanted: { readonly name: string; readonly isAnonymous: boolean; readonly labels: Record<string, string> },
): Promise<boolean> {
  if (context.volumes.get(wanted.name)) return false
  validateName(wanted.name)
  await context.volume.create(context.layout.volumeData(wanted.name))
  await context.volumes.put({ version: 1, createdAt: context.now().toISOString(), ...wanted })
  context.bus.publish({ type: 'volume', action: 'create', id: wanted.name })
  return true
}

/** Makes a named volume, or an anonymous one where the name is empty. An existing one is answered as it is. */
export async function createVolume(
  context: ServiceContext,
  input: { name: string; labels: Record<string, string> },
): Promise<VolumeSummary> {
  const name = input.name || newId()
  await context.locks.withLock('volumes', () =>
    ensureVolume(context, { name, isAnonymous: input.name === '', labels: input.labels }),
  )
  return summarise(context, getVolume(context, name))
}

/** Removes a volume that no container mentions. */
export async function removeVolume(context: ServiceContext, name: string): Promise<void> {
  await context.locks.withLock('volumes', async () => {
    getVolume(context, name)
    const [user] = usersOf(context, name)
    if (user) {
      throw new EngineError('conflict', 'volume.in-use', `remove ${name}: volume is in use - [${user}]`, {
        details: { volume: name, container: user },
      })
    }
    await removeVolumeRecord(context, name)
  })
}

/** Removes a volume's files and record, whoever uses it. */
export async function removeVolumeRecord(context: ServiceContext, name: string): Promise<void> {
  if (usersOf(context, name).length > 0) return
  await context.volume.remove(context.layout.volumeData(name))
  await context.volumes.delete(name)
  await context.volume.remove(context.layout.volume(name))
  context.bus.publish({ type: 'volume', action: 'destroy', id: name })
}

/** Every volume, newest first. */
export function listVolumes(context: ServiceContext): VolumeSummary[] {
  return [...context.volumes.list()]
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt))
    .map((record) => summarise(context, record))
}

/** Bytes that each volume's files take, by name. */
export async function measureVolumes(context: ServiceContext): Promise<Record<string, number>> {
  const sizes = context.volumes
    .list()
    .map(async ({ name }) => [name, await context.runtime.treeSize(context.layout.volumeData(name))] as const)
  return Object.fromEntries(await Promise.all(sizes))
}

function getVolume(context: ServiceContext, name: string): VolumeRecord {
  const record = context.volumes.get(name)
  if (!record)
    throw new EngineError('notFound', 'volume.not-found', `get ${name}: no such volume`, { details: { volume: name } })
  return record
}

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
    mountpoint: context.layout.volumeData(record.name),
    anonymous: record.isAnonymous,
    labels: record.labels,
    usedBy: usersOf(context, record.name),
  }
}
