import { EngineError } from '../../../contract/errors.ts'
import type { VolumeSummary } from '../../../contract/volume.ts'
import type { Services } from '../../../service/services.ts'
import { readVolume } from '../codec/volume.ts'
import { hasLabels, isTrue, parseFilters, readJson } from '../http.ts'
import type { Route } from '../router.ts'

/** `/volumes/…`. */
export function volumeRoutes({ volume }: Services): Route[] {
  const find = (name = '') => {
    const found = volume.list().find((one) => one.name === name)
    if (!found) throw new EngineError('notFound', 'volume.not-found', `get ${name}: no such volume`)
    return found
  }
  return [
    {
      method: 'GET',
      path: '/volumes',
      handle: ({ query }) => {
        const filters = parseFilters(query.get('filters'), ['name', 'label', 'dangling', 'driver'])
        const dangling = filters.get('dangling')?.[0]
        const shown = volume
          .list()
          .filter(
            ({ name, labels, usedBy }) =>
              (filters.get('name')?.some((wanted) => name.includes(wanted)) ?? true) &&
              (dangling === undefined || isTrue(dangling) === (usedBy.length === 0)) &&
              (filters.get('driver')?.includes('local') ?? true) &&
              hasLabels(labels, filters.get('label') ?? []),
          )
        return { status: 200, json: { Volumes: shown.map(toVolume), Warnings: [] } }
      },
    },
    {
      method: 'POST',
      path: '/volumes/create',
      handle: async ({ message }) => {
        const { Name: name, Driver: driver, Labels: labels } = readVolume(await readJson(message))
        if (driver !== 'local' && driver !== '')
          throw new EngineError(
            'notFound',
            'volume.no-driver',
            `error looking up volume plugin ${driver}: plugin "${driver}" not found`,
          )
        return { status: 201, json: toVolume(await volume.create({ name, labels })) }
      },
    },
    {
      method: 'GET',
      path: '/volumes/{name}',
      handle: ({ params }) => ({ status: 200, json: toVolume(find(params['name'])) }),
    },
    {
      method: 'DELETE',
      path: '/volumes/{name}',
      handle: async ({ params, query }) => {
        await volume.remove(params['name'] ?? '').catch((error: unknown) => {
          if (!isTrue(query.get('force')) || EngineError.from(error).code !== 'notFound') throw error
        })
        return { status: 204 }
      },
    },
    {
      method: 'POST',
      path: '/volumes/prune',
      handle: async ({ query, version }) => {
        const filters = parseFilters(query.get('filters'), ['label', 'all'])
        // Named ones are spared since 1.42.
        const isAll = version < 42 || isTrue(filters.get('all')?.[0] ?? null)
        const removed: string[] = []
        for (const { name, usedBy, anonymous, labels } of volume.list()) {
          if (usedBy.length > 0 || !(anonymous || isAll) || !hasLabels(labels, filters.get('label') ?? [])) continue
          await volume.remove(name)
          removed.push(name)
        }
        return { status: 200, json: { VolumesDeleted: removed, SpaceReclaimed: 0 } }
      },
    },
  ]
}

const toVolume = ({ name, createdAt, mountpoint, labels }: VolumeSummary) => ({
  Name: name,
  Driver: 'local',
  Mountpoint: mountpoint,
  CreatedAt: createdAt,
  Labels: labels,
  Scope: 'local',
  Options: {},
})
