import { z } from 'zod'
import { EngineError } from '../contract/errors.ts'
import { parseDocument } from '../lib/oci.ts'
import { registryError, type Session } from './session.ts'
import { readText } from './transport.ts'

const PAGE = 500
const Tags = z.object({ tags: z.array(z.string()).nullish() })

/** Every tag of a repository, page by page (OCI distribution spec, "Listing Tags"). */
export async function listTags(session: Session, path: string, signal: AbortSignal): Promise<string[]> {
  const tags: string[] = []
  let last = ''
  for (;;) {
    const query = new URLSearchParams({ n: String(PAGE), ...(last ? { last } : {}) })
    const response = await session.request(`${path}/tags/list?${query}`, { method: 'GET', signal })
    const text = await readText(response)
    if (response.statusCode === 404) {
      throw new EngineError('notFound', 'image.not-in-registry', `repository ${session.host}/${path} not found`)
    }
    if (response.statusCode !== 200) throw registryError(session.host, response.statusCode, text)
    const page = parseDocument(Tags, Buffer.from(text), 'the list of tags').tags ?? []
    const fresh = page.filter((tag) => !tags.includes(tag))
    tags.push(...fresh)
    // Registries that know no pages give all at once, or the same page again.
    if (!response.headers['link'] || fresh.length === 0) return tags
    last = page.at(-1) ?? ''
  }
}
