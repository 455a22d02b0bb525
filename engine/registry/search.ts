import { z } from 'zod'
import type { SearchResult } from '../contract/registry.ts'
import { parseDocument } from '../lib/oci.ts'
import { registryError, type Session } from './session.ts'
import { readText, type Transport } from './transport.ts'

const HUB_SEARCH = 'https://index.docker.io/v1/search'
const CATALOG_PAGE = 1000
const HubAnswer = z.object({
  results: z.array(
    z.object({
      name: z.string(),
      description: z.string().nullish(),
      star_count: z.number().int().nullish(),
      is_official: z.boolean().nullish(),
    }),
  ),
})
const Catalog = z.object({ repositories: z.array(z.string()).nullable() })

/** Images of Docker Hub by a term, best first. */
export async function searchHub(
  transport: Transport,
  { term, limit, signal }: { term: string; limit: number; signal: AbortSignal },
): Promise<SearchResult[]> {
  const url = new URL(`${HUB_SEARCH}?${new URLSearchParams({ q: term, n: String(limit) })}`)
  const response = await transport.send({ method: 'GET', url, signal })
  const text = await readText(response)
  if (response.statusCode !== 200) throw registryError(url.host, response.statusCode, text)
  return readHubAnswer(text).slice(0, limit)
}

/** What Docker Hub answers to a search. */
export function readHubAnswer(text: string): SearchResult[] {
  return parseDocument(HubAnswer, Buffer.from(text), 'the answer to the search').results.map((found) => ({
    name: found.name,
    description: found.description ?? '',
    starCount: found.star_count ?? 0,
    isOfficial: found.is_official ?? false,
  }))
}

/** Repositories of a registry whose name holds the term, page by page of its catalog until there are enough. */
export async function searchCatalog(
  session: Session,
  { term, limit, signal }: { term: string; limit: number; signal: AbortSignal },
): Promise<SearchResult[]> {
  const found: SearchResult[] = []
  let last = ''
  for (;;) {
    const page = new URLSearchParams({ n: String(CATALOG_PAGE), ...(last ? { last } : {}) })
    const response = await session.request(`_catalog?${page}`, { method: 'GET', signal })
    const text = await readText(response)
    if (response.statusCode !== 200) throw registryError(session.host, response.statusCode, text)
    const names = parseDocument(Catalog, Buffer.from(text), 'the catalog').repositories ?? []
    for (const name of names.filter((one) => one.includes(term))) {
      found.push({ name: `${session.host}/${name}`, description: '', starCount: 0, isOfficial: false })
    }
    const next = names.at(-1) ?? ''
    if (found.length >= limit || names.length < CATALOG_PAGE || next === last) return found.slice(0, limit)
    last = next
  }
}
