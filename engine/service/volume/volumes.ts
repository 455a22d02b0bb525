import type { VolumeSummary } from '../../contract/volume.ts'
import type { VolumeRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'
import { findVolume, noSuchVolume } from './find.ts'
import { naming } from './naming.ts'

/** A volume with what its plugin tells of it at this moment. */
export async function inspectVolume(
  context: ServiceContext,
  name: string,
): Promise<VolumeSummary & { readonly status: Readonly<Record<string, unknown>> }> {
  const record = await findVolume(context, name)
  if (!record) throw noSuchVolume(name)
  const summary = summarise(context, record)
  if (record.driver === 'local') return { ...summary, status: {} }
  return { ...summary, ...(await naming('get', name, context.volumePlugins.get(record))) }
}

/** Every volume that was made or used here, newest first. */
export function listVolumes(context: ServiceContext): VolumeSummary[] {
  return [...context.volumes.list()]
    .sort((a, b) => b.createdAt.localeCompare(a.createdAt))
    .map((record) => summarise(context, record))
}

/** The same with what plugins have beside, and a warning of each plugin that does not say. */
export async function listAllVolumes(
  context: ServiceContext,
): Promise<{ volumes: VolumeSummary[]; warnings: string[] }> {
  const { volumes: told, warnings } = await context.volumePlugins.listVolumes()
  const foreign = told
    .filter(({ name }) => !context.volumes.get(name))
    .map((one): VolumeSummary => ({ ...one, anonymous: false, labels: {}, usedBy: [], options: {} }))
  return { volumes: [...listVolumes(context), ...foreign], warnings: [...warnings] }
}

/** Bytes that each volume's files take, by name; what lies at a plugin, or is mounted by a volume's options, is not measured. */
export async function measureVolumes(
  context: ServiceContext,
  isWanted: (name: string) => boolean = () => true,
): Promise<Record<string, number>> {
  const sizes = context.volumes
    .list()
    .filter((volume) => isPlain(volume) && isWanted(volume.name))
    .map(async ({ name }) => [name, await context.runtime.treeSize(context.layout.volumeData(name))] as const)
  return Object.fromEntries(await Promise.all(sizes))
}

/** A folder of this engine's, and nothing more: its bytes are known, and are free when it is removed. */
export const isPlain = ({ driver, options }: Pick<VolumeRecord, 'driver' | 'options'>): boolean =>
  driver === 'local' && Object.keys(options).length === 0

export function getVolume(context: ServiceContext, name: string): VolumeRecord {
  const record = context.volumes.get(name)
  if (!record) throw noSuchVolume(name)
  return record
}

/** Where a volume's files are, which of a plugin's volume is known only while it is mounted. */
export const mountpointOf = (context: ServiceContext, { name, driver }: VolumeRecord): string =>
  driver === 'local' ? context.layout.volumeData(name) : ''

/** Ids of the containers that mention a volume. */
export function usersOf(context: ServiceContext, name: string): string[] {
  return context.containers
    .list()
    .filter((record) => record.mounts.some((mount) => mount.name === name))
    .map((record) => record.id)
}

export function summarise(context: ServiceContext, record: VolumeRecord): VolumeSummary {
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
