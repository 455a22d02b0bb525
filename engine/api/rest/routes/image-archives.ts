import { EngineError } from '../../../contract/errors.ts'
import type { Services } from '../../../service/services.ts'
import {
  filterFlag,
  isTrue,
  PRUNE_FILTERS,
  parseFilters,
  pruneTest,
  type RestAnswer,
  type RestRequest,
  readJson,
} from '../http.ts'
import type { Route } from '../router.ts'

const TAR = 'application/x-tar'
/** What of a body's config an image has. */
const CONFIG_KEYS =
  'Cmd Entrypoint Env ExposedPorts Healthcheck Labels OnBuild StopSignal User Volumes WorkingDir'.split(' ')

/** Images out as archives, images of containers, and what is left over. */
export function imageArchiveRoutes(services: Services): Route[] {
  const { image } = services
  const save = (names: readonly string[]): RestAnswer => ({
    status: 200,
    stream: image.save(names),
    headers: { 'Content-Type': TAR },
  })
  return [
    {
      method: 'GET',
      path: '/images/get',
      handle: ({ query }) => {
        const names = query
          .getAll('names')
          .flatMap((one) => one.split(','))
          .filter(Boolean)
        if (names.length === 0) throw new EngineError('invalidArgument', 'save.no-names', 'names of images are needed')
        return save(names)
      },
    },
    { method: 'GET', path: '/images/{name...}/get', handle: ({ params }) => save([params['name'] ?? '']) },
    { method: 'POST', path: '/images/prune', handle: (request) => prune(services, request) },
    { method: 'POST', path: '/commit', handle: (request) => commit(services, request) },
  ]
}

let isPruning = false

/** One prune at a time, as dockerd has it. */
async function prune({ image }: Services, { query }: RestRequest): Promise<RestAnswer> {
  if (isPruning) throw new EngineError('conflict', 'prune.running', 'a prune operation is already running')
  const filters = parseFilters(query.get('filters'), ['dangling', ...PRUNE_FILTERS])
  const all = filterFlag(filters, 'dangling') === false
  const isWanted = pruneTest(filters)
  isPruning = true
  try {
    const { deleted, untagged, reclaimedBytes } = await image.prune({ all, dryRun: false, isWanted })
    const rows = [...untagged.map((one) => ({ Untagged: one })), ...deleted.map((one) => ({ Deleted: one }))]
    return { status: 200, json: { ImagesDeleted: rows, SpaceReclaimed: reclaimedBytes } }
  } finally {
    isPruning = false
  }
}

async function commit({ image }: Services, { query, message, signal }: RestRequest): Promise<RestAnswer> {
  const body = await readJson(message)
  const id = await image.commit(
    {
      container: query.get('container') ?? '',
      reference: [query.get('repo'), query.get('tag')].filter(Boolean).join(':'),
      author: query.get('author') ?? '',
      comment: query.get('comment') ?? '',
      config: Object.fromEntries(CONFIG_KEYS.filter((key) => body[key]).map((key) => [key, body[key]])),
      pause: query.get('pause') === null || isTrue(query.get('pause')),
      changes: query
        .getAll('changes')
        .flatMap((one) => one.split('\n'))
        .filter((one) => one.trim() !== ''),
    },
    signal,
  )
  return { status: 201, json: { Id: id } }
}
