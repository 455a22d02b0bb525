import { z } from 'zod'
import { EngineError } from '../../../contract/errors.ts'
import { type PullProgress, type PushProgress, RegistryAuth } from '../../../contract/image.ts'
import { familiarReference, parseReference } from '../../../lib/reference.ts'
import type { UrlImportProgress } from '../../../service/image/import-url.ts'
import type { Services } from '../../../service/services.ts'
import { checked } from '../codec/json.ts'
import {
  createThrottle,
  type ProgressLine,
  toErrorLine,
  toImportLine,
  toPullLine,
  toPushLine,
} from '../codec/progress.ts'
import { parseFilters, type RestAnswer, type RestRequest, readJson } from '../http.ts'
import type { Route } from '../router.ts'

const HUB_HOSTS = new Set(['', 'index.docker.io', 'registry-1.docker.io', 'docker.io'])
/** What clients send base64url-coded in `X-Registry-Auth`, and as the body of `/auth`. */
const AuthConfig = z.object({
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  serveraddress: z.string().optional(),
})

/** Calls that speak to registries: pull, push, login, search, and a look at a manifest. */
export function registryRoutes(services: Services): Route[] {
  const name = ({ params }: RestRequest) => params['name'] ?? ''
  return [
    { method: 'POST', path: '/images/create', handle: (request) => pull(services, request) },
    {
      method: 'POST',
      path: '/images/{name...}/push',
      handle: async (request) => {
        const tag = request.query.get('tag')
        const references = tag ? [`${name(request)}:${tag}`] : services.image.localTags(name(request))
        const { repository } = split(name(request))
        const auth = readAuth(request)
        const steps = async function* () {
          for (const reference of references) yield* services.image.push({ reference, auth }, request.signal)
        }
        const first = { status: `The push refers to repository [${repository}]` }
        return streamed(await begin(steps()), { first: [first], toLine: toPushLine })
      },
    },
    {
      method: 'POST',
      path: '/auth',
      handle: async ({ message, signal }) => {
        const body = checked(AuthConfig, await readJson(message), 'auth.invalid')
        const auth = toAuth(body)
        if (!auth) throw new EngineError('invalidArgument', 'auth.missing', 'username and password are required')
        await services.registry.checkLogin(hostOf(body.serveraddress ?? ''), auth, signal)
        return { status: 200, json: { Status: 'Login Succeeded', IdentityToken: '' } }
      },
    },
    {
      method: 'GET',
      path: '/distribution/{name...}/json',
      handle: async (request) => {
        const input = { reference: name(request), auth: readAuth(request) }
        const found = await services.registry.describe(input, request.signal)
        return {
          status: 200,
          json: {
            Descriptor: { mediaType: found.mediaType, digest: found.digest, size: found.sizeBytes },
            Platforms: found.platforms.map(({ os, architecture, variant }) => ({
              os,
              architecture,
              ...(variant ? { variant } : {}),
            })),
          },
        }
      },
    },
    {
      method: 'GET',
      path: '/images/search',
      handle: async (request) => {
        const { query, signal } = request
        const filters = parseFilters(query.get('filters'), ['is-official', 'is-automated', 'stars'])
        const limit = Math.min(100, Math.max(1, Number(query.get('limit')) || 25))
        const wanted = { term: query.get('term') ?? '', limit, auth: readAuth(request) }
        const found = await services.registry.search(wanted, signal)
        const leastStars = Number(filters.get('stars')?.[0] ?? 0)
        const official = filters.get('is-official')?.[0]
        const isWanted = (one: (typeof found)[number]) =>
          one.stars >= leastStars && (official === undefined || one.isOfficial === (official === 'true'))
        return {
          status: 200,
          json: found.filter(isWanted).map((one) => ({
            name: one.name,
            description: one.description,
            star_count: one.stars,
            is_official: one.isOfficial,
            is_automated: false,
          })),
        }
      },
    },
  ]
}

/** `POST /images/create?fromImage=`: one tag, one digest, or with no tag all of them. */
async function pull(services: Services, request: RestRequest): Promise<RestAnswer> {
  const { query, signal } = request
  const from = query.get('fromImage') ?? ''
  if (from === '') return importTar(services, request)
  const auth = readAuth(request)
  const platform = query.get('platform') ?? ''
  const target = query.get('tag') ?? ''
  const isWhole = target === '' && /[:@]/.test(from.slice(from.lastIndexOf('/')))
  const references =
    target || isWhole
      ? [target ? `${from}${target.includes(':') ? '@' : ':'}${target}` : from]
      : (await services.registry.tags({ reference: from, auth }, signal)).map((tag) => `${from}:${tag}`)
  const [one = ''] = references
  const steps = async function* () {
    for (const reference of references) yield* services.image.pull({ reference, platform, auth }, signal)
  }
  const { repository, version } = split(one)
  const first = { status: `Pulling from ${repository.replace(/^docker\.io\//, '')}`, id: version }
  return streamed(await begin(steps()), {
    first: [first],
    toLine: (step: PullProgress) => toPullLine(step, familiarReference(one)),
    before: (step: PullProgress) => (step.type === 'image' ? [{ status: `Digest: ${step.digest}` }] : []),
  })
}

/** `POST /images/create?fromSrc=`: a root file system, which is the body (`-`) or lies at a web server. */
async function importTar({ image }: Services, { query, message, signal }: RestRequest): Promise<RestAnswer> {
  const source = query.get('fromSrc') ?? ''
  if (source === '') {
    throw new EngineError(
      'invalidArgument',
      'import.source',
      'fromImage, or fromSrc with - or the address of a tar, is needed',
    )
  }
  const facts = {
    reference: [query.get('repo'), query.get('tag')].filter(Boolean).join(':'),
    comment: query.get('message') ?? '',
    platform: query.get('platform') ?? '',
    changes: query.getAll('changes'),
  }
  if (source !== '-')
    return streamed(await begin(image.importUrl({ ...facts, source }, signal)), {
      first: [],
      toLine: (step) => toImportLine(step),
      before: (step) =>
        step.type === 'download' && step.currentBytes === 0 ? [{ status: `Downloading from ${step.url}` }] : [],
    })
  const id = await image.importTar(message, facts, signal)
  const line = `${JSON.stringify({ status: id })}\r\n`
  return {
    status: 200,
    stream: (async function* () {
      yield line
    })(),
    headers: { 'content-type': 'application/json' },
  }
}

/** Waits for the first step that tells more than that work has begun: until then a failure is still a status. */
async function begin<T extends Step>(steps: AsyncIterable<T>): Promise<AsyncIterable<T>> {
  const iterator = steps[Symbol.asyncIterator]()
  let step = await iterator.next()
  while (!step.done && step.value.type === 'stage' && step.value.stage === 'resolving') step = await iterator.next()
  const first = step
  return (async function* () {
    try {
      if (!first.done) yield first.value
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value
    } finally {
      await iterator.return?.()
    }
  })()
}

type Step = PullProgress | PushProgress | UrlImportProgress
interface Lines<T> {
  readonly first: readonly ProgressLine[]
  readonly toLine: (step: T) => ProgressLine | null
  readonly before?: (step: T) => readonly ProgressLine[]
}

function streamed<T extends Step>(steps: AsyncIterable<T>, lines: Lines<T>): RestAnswer {
  const text = (line: ProgressLine) => `${JSON.stringify(line)}\r\n`
  const isWanted = createThrottle(() => performance.now())
  return {
    status: 200,
    headers: { 'content-type': 'application/json' },
    stream: (async function* () {
      for (const line of lines.first) yield text(line)
      try {
        for await (const step of steps) {
          if (step.type === 'layer' && !isWanted(step.layer, step.state)) continue
          for (const line of lines.before?.(step) ?? []) yield text(line)
          const line = lines.toLine(step)
          if (line) yield text(line)
        }
      } catch (error) {
        yield text(toErrorLine(error))
      }
    })(),
  }
}

function split(reference: string): { readonly repository: string; readonly version: string } {
  const { host, path, tag, digest } = parseReference(reference)
  return { repository: `${host}/${path}`, version: digest || tag || 'latest' }
}

/** Credentials of the request's header; none, where the client sent none or an empty object. */
function readAuth({ message }: RestRequest): RegistryAuth | undefined {
  const header = message.headers['x-registry-auth']
  if (typeof header !== 'string' || header === '') return undefined
  const parsed = AuthConfig.safeParse(safeJson(Buffer.from(header, 'base64url').toString()))
  return parsed.success ? toAuth(parsed.data) : undefined
}

function toAuth({ username, password, identitytoken }: z.output<typeof AuthConfig>): RegistryAuth | undefined {
  const parsed = RegistryAuth.safeParse(identitytoken ? { identityToken: identitytoken } : { username, password })
  return parsed.success ? parsed.data : undefined
}

/** The host of a server address as `docker login` writes it: an old address of the hub, a host, or a URL. */
function hostOf(address: string): string {
  const host = address.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
  return HUB_HOSTS.has(host) ? 'docker.io' : host
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
