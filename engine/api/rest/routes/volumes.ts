import { EngineError } from '../../../contract/errors.ts'
import { hasLabels } from '../../../lib/labels.ts'
import type { Services } from '../../../service/services.ts'
import { readVolume, toVolume } from '../codec/volume.ts'
import { filterFlag, isTrue, parseFilters, pruneTest, readJson } from '../http.ts'
import type { Route } from '../router.ts'

/** `/volumes/…`. */
export function volumeRoutes({ volume }: Services): Route[] {
  return [
    {
      method: 'GET',
      path: '/volumes',
      handle: async ({ query }) => {
        const filters = parseFilters(query.get('filters'), ['name', 'label', 'label!', 'dangling', 'driver'])
        const dangling = filterFlag(filters, 'dangling')
        const { volumes, warnings } = await volume.listAll()
        const shown = volumes.filter(
          ({ name, driver, labels, usedBy }) =>
            (filters.get('name')?.some((wanted) => name.includes(wanted)) ?? true) &&
            (dangling === undefined || dangling === (usedBy.length === 0)) &&
            (filters.get('driver')?.includes(driver) ?? true) &&
            hasLabels(labels, filters.get('label') ?? []) &&
            !filters.get('label!')?.some((one) => hasLabels(labels, [one])),
        )
        return { status: 200, json: { Volumes: shown.map(toVolume), Warnings: warnings } }
      },
    },
    {
      method: 'POST',
      path: '/volumes/create',
      handle: async ({ message }) => {
        const { Name: name, Driver: driver, DriverOpts: options, Labels: labels } = readVolume(await readJson(message))
        return { status: 201, json: toVolume(await volume.create({ name, driver, options, labels })) }
      },
    },
    {
      method: 'GET',
      path: '/volumes/{name}',
      handle: async ({ params }) => {
        const { status, ...found } = await volume.inspect(params['name'] ?? '')
        const told = Object.keys(status).length > 0 ? { Status: status } : {}
        return { status: 200, json: { ...toVolume(found), ...told } }
      },
    },
    {
      method: 'DELETE',
      path: '/volumes/{name}',
      handle: async ({ params, query }) => {
        await volume.remove(params['name'] ?? '', { force: isTrue(query.get('force')) }).catch((error: unknown) => {
          if (!isTrue(query.get('force')) || EngineError.from(error).code !== 'notFound') throw error
        })
        return { status: 204 }
      },
    },
    {
      method: 'POST',
      path: '/volumes/prune',
      handle: async ({ query, version }) => {
        const filters = parseFilters(query.get('filters'), ['label', 'label!', 'all'])
        const isWanted = pruneTest(filters)
        // Named ones are spared since 1.42.
        const isAll = version < 42 || filterFlag(filters, 'all') === true
        const { removed, reclaimedBytes } = await volume.prune((one) => (one.anonymous || isAll) && isWanted(one))
        return { status: 200, json: { VolumesDeleted: removed, SpaceReclaimed: reclaimedBytes } }
      },
    },
  ]
}
