import { z } from 'zod'
import { EngineError } from '../contract/errors.ts'
import type { SearchResult } from '../contract/registry.ts'
import { readShape } from './documents.ts'
import { registryError, type Session } from './session.ts'
import { isLoopback, readText, type Transport } from './transport.ts'

const HUB_INDEX = 'index.docker.io'
const Answer = z.object({
  results: z.array(
    z.object({
      name: z.string(),
      description: z.string().nullish(),
      star_count: z.number().nullish(),
      is_official: z.boolean().nullish(),
    }),
  ),
})

/** Asks an index by its version 1 protocol, the one that `docker search` speaks. A term may begin with the index's host. */
export async function searchIndex(
  transport: Transport,
  { term, limit, insecure, signal }: { term: string; limit: number; insecure: readonly string[]; signal: AbortSignal },
): Promise<SearchResult[]> {
  const slash = term.indexOf('/')
  const first = slash > 0 ? term.slice(0, slash) : ''
  const hasHost = /[.:]/.test(first) || first === 'localhost'
  const host = hasHost ? first : HUB_INDEX
  const isPlain = insecure.includes(host) || isLoopback(new URL(`http://${host}`).hostname)
  const url = new URL('/v1/search', `${isPlain ? 'http' : 'https'}://${host}`)
  url.searchParams.set('q', hasHost ? term.slice(slash + 1) : term)
  url.searchParams.set('n', String(limit))
  const response = await transport.send({ method: 'GET', url, signal, headers: { accept: 'application/json' } })
  if (response.statusCode !== 200) throw registryError(host, response.statusCode, await readText(response))
  const parsed = await readShape(Answer, response, `the results of ${host}`)
  if (!parsed) throw new EngineError('unavailable', 'registry.bad-search', `${host} gave no results that can be read`)
  return parsed.results.slice(0, limit).map((result) => ({
    name: hasHost ? `${host}/${result.name}` : result.name,
    description: result.description ?? '',
    stars: result.star_count ?? 0,
    isOfficial: result.is_official ?? false,
  }))
}

const CATALOG_PAGE = 1000
/** Further on nobody waits for a search. */
const MAX_CATALOG_PAGES = 100
const Catalog = z.object({ repositories: z.array(z.string()).nullable() })

/** Repositories of a registry whose name holds the term, page by page of its catalog until there are enough. */
export async function searchCatalog(
  session: Session,
  { term, limit, signal }: { term: string; limit: number; signal: AbortSignal },
): Promise<SearchResult[]> {
  const found: SearchResult[] = []
  let last = ''
  for (let pages = 1; ; pages += 1) {
    const page = new URLSearchParams({ n: String(CATALOG_PAGE), ...(last ? { last } : {}) })
    const response = await session.request(`_catalog?${page}`, { method: 'GET', signal })
    if (response.statusCode !== 200) throw registryError(session.host, response.statusCode, await readText(response))
    const parsed = await readShape(Catalog, response, `the catalog of ${session.host}`)
    if (!parsed) {
      throw new EngineError('unavailable', 'registry.bad-catalog', `${session.host} gave no catalog that can be read`)
    }
    const names = parsed.repositories ?? []
    for (const name of names.filter((one) => one.includes(term))) {
      found.push({ name: `${session.host}/${name}`, description: '', stars: 0, isOfficial: false })
    }
    const next = names.at(-1) ?? ''
    const isWhole = names.length < CATALOG_PAGE || next === last
    if (found.length >= limit || isWhole || pages === MAX_CATALOG_PAGES) return found.slice(0, limit)
    last = next
  }
}
