import { EngineError } from '../../../contract/errors.ts'
import type { Services } from '../../../service/services.ts'
import { toListItem } from '../codec/container.ts'
import { toImageItem } from '../codec/image.ts'
import { toVolume } from '../codec/volume.ts'
import type { RestAnswer, RestRequest } from '../http.ts'

type Part = (services: Services, version: number) => Promise<object>

/** What can be asked for by itself: only that is measured then. */
const PARTS: Readonly<Record<string, Part>> = {
  image: async ({ system, image }, version) => {
    const [usage, details] = await Promise.all([system.imageUsage(), image.list()])
    const shared = new Map(usage.images.map(({ id, sharedBytes }) => [id, sharedBytes]))
    return {
      LayersSize: usage.layerBytes + usage.blobBytes,
      Images: details.map((one) => ({
        ...toImageItem(one, version),
        SharedSize: shared.get(one.id) ?? 0,
        Containers: one.usedBy.length,
      })),
    }
  },
  container: async ({ container }, version) => {
    const now = Date.now()
    const sized = container.rows(true).map(async (row) => {
      const { ownBytes, totalBytes } = await container.measure(row.summary.id)
      return [{ ...toListItem(row, { now, version }), SizeRw: ownBytes, SizeRootFs: totalBytes }]
    })
    return { Containers: (await Promise.all(sized.map((one) => one.catch(leaveOutRemoved)))).flat() }
  },
  volume: async ({ volume }) => {
    const [{ volumes }, sizes] = await Promise.all([volume.listAll(), volume.sizes()])
    return {
      Volumes: volumes.map((one) => ({
        ...toVolume(one),
        UsageData: { Size: sizes[one.name] ?? -1, RefCount: one.usedBy.length },
      })),
    }
  },
  // There is no cache of builds.
  'build-cache': async () => ({ BuildCache: [] }),
}

/** One that was removed while it was measured takes no room any more. */
function leaveOutRemoved(error: unknown): [] {
  if (EngineError.from(error).code === 'notFound') return []
  throw error
}

/** `GET /system/df?type=`: all, or what is named. */
export async function diskUse(services: Services, { query, version }: RestRequest): Promise<RestAnswer> {
  const asked = query.getAll('type')
  const odd = asked.find((type) => !Object.hasOwn(PARTS, type))
  if (odd !== undefined)
    throw new EngineError(
      'invalidArgument',
      'disk.type',
      `unknown object type: ${odd}: use ${Object.keys(PARTS).join(', ')}`,
    )
  const wanted = Object.entries(PARTS).filter(([type]) => asked.length === 0 || asked.includes(type))
  const parts = await Promise.all(wanted.map(([, measure]) => measure(services, version)))
  return { status: 200, json: Object.assign({}, ...parts) as object }
}
