import { EngineError } from '../../../contract/errors.ts'
import type { Services } from '../../../service/services.ts'
import { toInspect } from '../codec/container.ts'
import { fromCreateBody } from '../codec/create.ts'
import { fromUpdateBody } from '../codec/update.ts'
import { isTrue, PRUNE_FILTERS, parseFilters, pruneTest, type RestRequest, readJson } from '../http.ts'
import type { Route } from '../router.ts'
import { listContainers } from './container-list.ts'

/** `/containers/…` without the calls that stream. */
export function containerRoutes(services: Services): Route[] {
  const { container } = services
  const id = ({ params }: RestRequest) => params['id'] ?? ''
  const stopOptions = ({ query }: RestRequest) => ({
    ...(query.has('t') ? { timeoutSeconds: wholeNumber(query.get('t') ?? '') } : {}),
    signal: query.get('signal') ?? '',
  })
  const post = (verb: string, work: (request: RestRequest) => Promise<unknown>): Route => ({
    method: 'POST',
    path: `/containers/{id}/${verb}`,
    handle: async (request) => {
      await work(request)
      return { status: 204 }
    },
  })
  return [
    {
      method: 'GET',
      path: '/containers/json',
      handle: async (request) => ({ status: 200, json: await listContainers(services, request) }),
    },
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
      handle: async (request) => {
        const json = toInspect(container.inspect(id(request)), request.version)
        if (!isTrue(request.query.get('size'))) return { status: 200, json }
        const { ownBytes, totalBytes } = await container.measure(id(request))
        return { status: 200, json: { ...json, SizeRw: ownBytes, SizeRootFs: totalBytes } }
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/top',
      handle: async (request) => {
        const args = (request.query.get('ps_args') ?? '').split(' ').filter(Boolean)
        const { titles, processes } = await container.processes(id(request), args)
        return { status: 200, json: { Titles: titles, Processes: processes } }
      },
    },
    {
      method: 'POST',
      path: '/containers/{id}/update',
      handle: async (request) => {
        const warnings = await container.update(id(request), fromUpdateBody(await readJson(request.message)))
        return { status: 200, json: { Warnings: warnings } }
      },
    },
    post('start', async (request) => {
      const { config } = container.inspect(id(request))
      try {
        await container.start(id(request))
      } catch (error) {
        // What was to be removed when it ends has ended.
        if (config.autoRemove && EngineError.from(error).code !== 'notModified')
          await container.remove(id(request), { force: true, volumes: true }).catch(() => undefined)
        throw named(error)
      }
    }),
    post('stop', (request) => container.stop(id(request), stopOptions(request))),
    post('restart', (request) => container.restart(id(request), stopOptions(request))),
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

/** What the runtime says of a process that cannot start, in the words that clients look for. */
function named(cause: unknown): EngineError {
  const error = EngineError.from(cause)
  if (error.reason !== 'runtime.command-not-found' && error.reason !== 'runtime.permission-denied') return error
  const text = `failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ${error.message}: unknown`
  return new EngineError(error.code, error.reason, text, { cause })
}

function wholeNumber(text: string): number {
  if (/^-?\d+$/.test(text)) return Number(text)
  throw new EngineError('invalidArgument', 'query.invalid', `invalid number: ${JSON.stringify(text)}`)
}

/** Clients take "not found" for the image's: they would pull it. Another container or network that is missing is a bad request. */
function refuseUnknown(cause: unknown): never {
  const error = EngineError.from(cause)
  if (error.code !== 'notFound' || error.reason.startsWith('image.')) throw error
  throw new EngineError('invalidArgument', error.reason, error.message, { cause })
}

let isPruning = false

/** One prune at a time, as dockerd has it. */
async function prune(container: Services['container'], { query }: RestRequest) {
  if (isPruning) throw new EngineError('conflict', 'prune.running', 'a prune operation is already running')
  isPruning = true
  try {
    const { removed, reclaimedBytes } = await container.prune(
      pruneTest(parseFilters(query.get('filters'), PRUNE_FILTERS)),
    )
    return { status: 200, json: { ContainersDeleted: removed, SpaceReclaimed: reclaimedBytes } }
  } finally {
    isPruning = false
  }
}
