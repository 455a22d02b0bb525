import { z } from 'zod'
import { EngineError } from '../contract/errors.ts'
import { readShape } from './documents.ts'
import { registryError, type Session } from './session.ts'
import { readText } from './transport.ts'

/** No repository has so many; an answer that goes on beyond is one without end. */
const MAX_PAGES = 1000
const MAX_TAGS = 100_000
const Page = z.object({ tags: z.array(z.string().max(128)).nullable() })

/** Every tag of a repository, page by page (OCI distribution spec, "Listing Tags"). */
export async function listTags(session: Session, path: string, signal: AbortSignal): Promise<string[]> {
  const tags: string[] = []
  let next: string | URL | null = `${path}/tags/list`
  for (let page = 1; next !== null; page += 1) {
    const response = await session.request(next, { method: 'GET', signal })
    if (response.statusCode !== 200) throw registryError(session.host, response.statusCode, await readText(response))
    const parsed = await readShape(Page, response, `the list of tags of ${session.host}/${path}`)
    if (!parsed)
      throw new EngineError('unavailable', 'registry.bad-tags', `${session.host} gave no list of tags for ${path}`)
    for (const tag of parsed.tags ?? []) tags.push(tag)
    if (page > MAX_PAGES || tags.length > MAX_TAGS) {
      throw new EngineError(
        'unavailable',
        'registry.too-many-tags',
        `${session.host} lists tags of ${path} without end; name the tag that is wanted`,
      )
    }
    const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(response.headers['link'] ?? ''))?.[1]
    next = link ? new URL(link, new URL('/v2/', await session.origin())) : null
  }
  return tags
}
