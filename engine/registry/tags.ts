import { z } from 'zod'
import { EngineError } from '../contract/errors.ts'
import { registryError, type Session } from './session.ts'
import { readText } from './transport.ts'

const MAX_PAGES = 1000
const Page = z.object({ tags: z.array(z.string()).nullable() })

/** Every tag of a repository, page by page (OCI distribution spec, "Listing Tags"). */
export async function listTags(session: Session, path: string, signal: AbortSignal): Promise<string[]> {
  const tags: string[] = []
  let next: string | URL | null = `${path}/tags/list`
  for (let page = 0; next !== null && page < MAX_PAGES; page += 1) {
    const response = await session.request(next, { method: 'GET', signal })
    if (response.statusCode !== 200) throw registryError(session.host, response.statusCode, await readText(response))
    const parsed = Page.safeParse(await response.body.json().catch(() => null))
    if (!parsed.success)
      throw new EngineError('unavailable', 'registry.bad-tags', `${session.host} gave no list of tags for ${path}`)
    tags.push(...(parsed.data.tags ?? []))
    const link = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(response.headers['link'] ?? ''))?.[1]
    next = link ? new URL(link, new URL('/v2/', await session.origin())) : null
  }
  return tags
}
