import { EngineError } from '../../../contract/errors.ts'
import type { Services } from '../../../service/services.ts'
import { toInspect, toListItem } from '../codec/container.ts'
import { fromCreateBody } from '../codec/create.ts'
import { hasLabels, isTrue, parseFilters, type RestRequest, readJson } from '../http.ts'
import type { Route } from '../router.ts'

const LIST_FILTERS = ['id', 'name', 'label', 'status', 'ancestor', 'exited', 'network', 'volume', 'health']

/** `/containers/…` without the calls that stream. */
export function containerRoutes({ container }: Services): Route[] {
  const id = ({ params }: RestRequest) => params['id'] ?? ''
  const timeout = ({ query }: RestRequest) => (query.has('t') ? Number(query.get('t')) : undefined)
  const post = (verb: string, work: (request: RestRequest) => Promise<unknown>): Route => ({
    method: 'POST',
    path: `/containers/{id}/${verb}`,
    handle: async (request) => {
      await work(request)
      return { status: 204 }
    },
  })
  return [
    { method: 'GET', path: '/containers/json', handle: async (request) => listContainers(container, request) },
    {
      method: 'POST',
      path: '/containers/create',
      handle: async ({ message, query }) => {
        const config = fromCreateBody(await readJson(message), query.get('name') ?? '')
        const made = await container.create(config).catch(refuseUnknown)
        return { status: 201, json: { Id: made.id, Warnings: made.warnings } }
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/json',
      handle: async (request) => ({ status: 200, json: toInspect(container.inspect(id(request))) }),
    },
    post('start', async (request) => {
      const { config } = container.inspect(id(request))
      try {
        await container.start(id(request))
      } catch (error) {
        // What was to be removed when it ends has ended.
        if (config.autoRemove && EngineError.from(error).code !== 'notModified')
          await container.remove(id(request), { force: true, volumes: true }).catch(() => undefined)
        throw error
      }
    }),
    post('stop', (request) => container.stop(id(request), timeout(request))),
    post('restart', (request) => container.restart(id(request), timeout(request))),
    post('kill', (request) => container.kill(id(request), request.query.get('signal') || 'SIGKILL')),
    post('pause', (request) => container.pause(id(request))),
    post('unpause', (request) => container.unpause(id(request))),
    post('rename', (request) => container.rename(id(request), request.query.get('name') ?? '')),
    {
      method: 'DELETE',
      path: '/containers/{id}',
      handle: async (request) => {
        const { query } = request
        await container.remove(id(request), { force: isTrue(query.get('force')), volumes: isTrue(query.get('v')) })
        return { status: 204 }
      },
    },
    { method: 'POST', path: '/containers/prune', handle: (request) => prune(container, request) },
  ]
}

/** Clients take "not found" for the image's: they would pull it. Another container or network that is missing is a bad request. */
function refuseUnknown(cause: unknown): never {
  const error = EngineError.from(cause)
  if (error.code !== 'notFound' || error.reason.startsWith('image.')) throw error
  throw new EngineError('invalidArgument', error.reason, error.message, { cause })
}

function listContainers(container: Services['container'], { query }: RestRequest) {
  const filters = parseFilters(query.get('filters'), LIST_FILTERS)
  const limit = Number(query.get('limit') || 0)
  const all = isTrue(query.get('all')) || filters.has('status') || filters.has('exited') || limit > 0
  const any = (name: string, test: (value: string) => boolean) => filters.get(name)?.some(test) ?? true
  const now = Date.now()
  const rows = container
    .list(all)
    .map((summary) => ({ summary, detail: container.inspect(summary.id) }))
    .filter(
      ({ summary, detail }) =>
        any('id', (value) => summary.id.startsWith(value)) &&
        any('name', (value) => new RegExp(value.replace(/^\//, '')).test(summary.name)) &&
        any('status', (value) => summary.status === value) &&
        any('exited', (value) => summary.status === 'exited' && summary.exitCode === Number(value)) &&
        any('health', (value) => summary.health === value) &&
        any('ancestor', (value) =>
          [summary.image, summary.imageId].some((one) => one === value || one === `${value}:latest`),
        ) &&
        any('network', (value) =>
          detail.networks.some(({ network, networkId }) => [network, networkId].includes(value)),
        ) &&
        any('volume', (value) => detail.mounts.some(({ name, target }) => [name, target].includes(value))) &&
        hasLabels(summary.labels, filters.get('label') ?? []),
    )
  const shown = limit > 0 ? rows.slice(0, limit) : rows
  return { status: 200, json: shown.map(({ summary, detail }) => toListItem(summary, detail, now)) }
}

async function prune(container: Services['container'], { query }: RestRequest) {
  const labels = parseFilters(query.get('filters'), ['label', 'until']).get('label') ?? []
  const removed: string[] = []
  for (const { id, status, labels: own } of container.list(true)) {
    if ((status !== 'exited' && status !== 'created' && status !== 'dead') || !hasLabels(own, labels)) continue
    await container.remove(id, { force: false, volumes: true })
    removed.push(id)
  }
  return { status: 200, json: { ContainersDeleted: removed, SpaceReclaimed: 0 } }
}
