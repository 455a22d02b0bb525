import { EngineError } from '../../contract/errors.ts'
import type { VolumeSummary } from '../../contract/volume.ts'
import { newId, validateName } from '../../lib/names.ts'
import type { VolumeRecord } from '../../store/schema.ts'
import { assertLocalOptions } from '../../volume/local-options.ts'
import type { ServiceContext } from '../context.ts'
import { findVolume } from './find.ts'
import { withVolumeLocks } from './locks.ts'
import { naming } from './naming.ts'
import { getVolume, summarise } from './volumes.ts'

/** What a volume is made with; no driver is `local` for a new one, and whichever serves one that is there. */
export interface VolumeRequest {
  readonly name: string
  readonly labels: Record<string, string>
  readonly driver?: string
  readonly options?: Record<string, string>
}

/** Makes a named volume, or an anonymous one where the name is empty. An existing one is answered as it is. */
export async function createVolume(context: ServiceContext, input: VolumeRequest): Promise<VolumeSummary> {
  const name = input.name || newId()
  return context.volumeClaims.during((claim) => {
    claim(name)
    return withVolumeLocks(context, [name], async () => {
      if (!input.driver && input.name) await findVolume(context, name)
      await ensureVolume(context, { ...input, name, isAnonymous: input.name === '' })
      return summarise(context, getVolume(context, name))
    })
  })
}

/** Makes a volume when there is none of that name; answers whether it made one. The caller has claimed it, and holds the lock of one with a name. */
export async function ensureVolume(
  context: ServiceContext,
  { name, isAnonymous, labels, driver = '', options = {} }: VolumeRequest & { readonly isAnonymous: boolean },
): Promise<boolean> {
  await context.volumeClaims.settled(name)
  const found = context.volumes.get(name)
  if (found) {
    assertServedBy(driver, found)
    return false
  }
  validateName(name)
  if ((driver || 'local') === 'local') {
    const rootless = context.config.mode === 'rootless'
    await naming('create', name, (async () => assertLocalOptions(options, { rootless }))())
  }
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

function assertServedBy(driver: string, { name, driver: server }: VolumeRecord): void {
  if (driver !== '' && driver !== server)
    throw new EngineError(
      'conflict',
      'volume.other-driver',
      `create ${name}: driver '${server}' already has volume '${name}': volume name must be unique`,
    )
}
