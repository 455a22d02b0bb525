import { EngineError } from '../../contract/errors.ts'
import type { VolumeRecord } from '../../store/schema.ts'
import type { ServiceContext } from '../context.ts'

/**
 * A volume by its name. One that was never used here is looked for at the plugins, and remembered when one of them has
 * it; a plugin that does not answer soon has not.
 */
export async function findVolume(context: ServiceContext, name: string): Promise<VolumeRecord | undefined> {
  const known = context.volumes.get(name)
  if (known) return known
  const found = await context.volumePlugins.find(name)
  // Somebody may have made one meanwhile.
  if (!found || context.volumes.get(name)) return context.volumes.get(name)
  const { driver, scope, createdAt } = found
  const record: VolumeRecord = {
    version: 1,
    createdAt: createdAt || context.now().toISOString(),
    name,
    isAnonymous: false,
    labels: {},
    driver,
    options: {},
    scope,
  }
  await context.volumes.put(record)
  return record
}

export const noSuchVolume = (name: string) =>
  new EngineError('notFound', 'volume.not-found', `get ${name}: no such volume`, { details: { volume: name } })
