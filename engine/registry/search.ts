import { z } from 'zod'
import { EngineError } from '../contract/errors.ts'
import type { SearchResult } from '../contract/registry.ts'
import { HUB, hostOf } from './credentials.ts'
import { readShape } from './documents.ts'
import { registryError, type Session } from './session.ts'
import { readText } from './transport.ts'

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

/** What is looked for in one registry, without the registry's host. */
export interface SearchQuery {
  readonly term: string
  readonly limit: number
  readonly signal: AbortSignal
}

/** The registry that a term begins with, and the rest of it; without one, it is for the Hub. */
export function splitTerm(term: string): { readonly host: string; readonly rest: string } {
  const slash = term.indexOf('/')
  const first = slash > 0 ? term.slice(0, slash) : ''
  const hasHost = /[.:]/.test(first) || first === 'localhost'
  return hasHost ? { host: hostOf(first), rest: term.slice(slash + 1) } : { host: HUB, rest: term }
}

/** Asks an index by its version 1 protocol, the one that `docker search` speaks. */
export async function searchIndex(session: Session, { term, limit, signal }: SearchQuery): Promise<SearchResult[]> {
  const { host } = session
  const query = new URLSearchParams({ q: term, n: String(limit) })
  const headers = { accept: 'application/json' }
  const response = await session.request(`/v1/search?${query}`, { method: 'GET', headers, signal })
  if (response.statusCode !== 200) throw registryError(host, response.statusCode, await readText(response))
  const parsed = await readShape(Answer, response, `the results of ${host}`)
  if (!parsed) throw new EngineError('unavailable', 'registry.bad-search', `${host} gave no results that can be read`)
  return parsed.results.slice(0, limit).map((result) => ({
    name: host === HUB ? result.name : `${host}/${result.name}`,
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
export async function searchCatalog(session: Session, { term, limit, signal }: SearchQuery): Promise<SearchResult[]> {
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
