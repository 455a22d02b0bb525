import { EngineError } from '../../../contract/errors.ts'
import { isDigest } from '../../../lib/digest.ts'
import { parseReference } from '../../../lib/reference.ts'
import type { Services } from '../../../service/services.ts'
import { jsonLines, pullMessages, pushMessages, startedStream } from '../codec/json-message.ts'
import { readRegistryAuth, toRegistryAuth } from '../codec/registry-auth.ts'
import { parseFilters, type RestAnswer, type RestRequest, readJson } from '../http.ts'
import type { Route } from '../router.ts'

const DEFAULT_SEARCH_LIMIT = 25

/** What needs a registry: pull, push, login, search. */
export function registryRoutes({ image, registry }: Services): Route[] {
  const name = ({ params }: RestRequest) => params['name'] ?? ''
  const auth = ({ message }: RestRequest) => readRegistryAuth(message.headers['x-registry-auth'])
  return [
    { method: 'POST', path: '/images/create', handle: (request) => pull(image, request) },
    {
      method: 'POST',
      path: '/images/{name...}/push',
      handle: async (request) => {
        const { path, host } = parseReference(name(request))
        const tag = request.query.get('tag') || 'latest'
        const progress = image.push({ reference: `${name(request)}:${tag}`, auth: auth(request) }, request.signal)
        const messages = pushMessages(await startedStream(progress), `${host}/${path}`)
        return { status: 200, stream: jsonLines(messages) }
      },
    },
    {
      method: 'POST',
      path: '/auth',
      handle: async ({ message, signal }) => {
        const body = await readJson(message)
        const host = typeof body['serveraddress'] === 'string' ? body['serveraddress'] : ''
        await registry.check({ host, auth: toRegistryAuth(body) }, signal)
        return { status: 200, json: { Status: 'Login Succeeded', IdentityToken: '' } }
      },
    },
    {
      method: 'GET',
      path: '/distribution/{name...}/json',
      handle: async (request) => {
        const found = await image.describeRemote({ reference: name(request), auth: auth(request) }, request.signal)
        const { mediaType, digest, sizeBytes: size, platforms } = found
        return {
          status: 200,
          json: {
            Descriptor: { mediaType, digest, size },
            Platforms: platforms.map(({ os, architecture, variant }) => ({
              os,
              architecture,
              ...(variant ? { variant } : {}),
            })),
          },
        }
      },
    },
    { method: 'GET', path: '/images/search', handle: (request) => search(registry, request) },
  ]
}

async function pull(image: Services['image'], { query, message, signal }: RestRequest): Promise<RestAnswer> {
  const from = query.get('fromImage') ?? ''
  if (!from) throw new EngineError('invalidArgument', 'pull.no-image', 'fromImage or fromSrc is needed')
  const asked = query.get('tag') ?? ''
  const named = parseReference(from)
  const text = asked && !named.digest ? `${stripTag(from)}${isDigest(asked) ? '@' : ':'}${asked}` : from
  const { path, tag, digest } = parseReference(text)
  const progress = image.pull(
    {
      reference: text,
      platform: query.get('platform') ?? '',
      allTags: !tag && !digest,
      auth: readRegistryAuth(message.headers['x-registry-auth']),
    },
    signal,
  )
  const messages = pullMessages(progress, { name: path, tag: digest || tag })
  const started = await startedStream(messages).catch((error: unknown) => {
    throw withoutPrompt(EngineError.from(error), text)
  })
  return { status: 200, stream: jsonLines(started) }
}

/** A 401 makes the docker command ask for a name and password on its own; Docker says 404 here. */
function withoutPrompt(error: EngineError, name: string): EngineError {
  if (error.code !== 'unauthorized') return error
  const why = "repository does not exist or may require 'docker login'"
  return new EngineError('notFound', error.reason, `pull access denied for ${name}, ${why}: ${error.message}`, {
    cause: error,
  })
}

function stripTag(text: string): string {
  const { tag } = parseReference(text)
  return tag ? text.slice(0, -(tag.length + 1)) : text
}

async function search(registry: Services['registry'], { query, signal }: RestRequest): Promise<RestAnswer> {
  const filters = parseFilters(query.get('filters'), ['is-official', 'is-automated', 'stars'])
  const limit = Number(query.get('limit') || DEFAULT_SEARCH_LIMIT)
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
    throw new EngineError(
      'invalidArgument',
      'search.limit',
      `limit ${query.get('limit')} is outside the range of [1, 100]`,
    )
  }
  const found = await registry.search({ term: query.get('term') ?? '', limit }, signal)
  const stars = Number(filters.get('stars')?.[0] ?? 0)
  const official = filters.get('is-official')?.[0]
  const wanted = found.filter(
    (one) => one.starCount >= stars && (official === undefined || String(one.isOfficial) === official),
  )
  return {
    status: 200,
    json: wanted.map((one) => ({
      name: one.name,
      description: one.description,
      star_count: one.starCount,
      is_official: one.isOfficial,
      is_automated: false,
    })),
  }
}
