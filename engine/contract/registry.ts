import { z } from 'zod'
import { command, query } from './define.ts'
import { RegistryAuth } from './image.ts'

/** One line of a search. `name` can be pulled as it is. */
export const SearchResult = z.object({
  name: z.string(),
  description: z.string(),
  stars: z.number(),
  isOfficial: z.boolean(),
})
export type SearchResult = z.output<typeof SearchResult>

/** What a name stands for in its registry, without a byte of its layers. */
export const RemoteDescription = z.object({
  digest: z.string(),
  mediaType: z.string(),
  sizeBytes: z.number(),
  platforms: z.array(z.object({ os: z.string(), architecture: z.string(), variant: z.string() })),
})
export type RemoteDescription = z.output<typeof RemoteDescription>

export const registry = {
  /** Searches Docker Hub, or the index whose host the term begins with. */
  search: query(
    z.object({ term: z.string().min(1).max(256), limit: z.number().int().min(1).max(100).default(25) }),
    z.array(SearchResult),
  ),
  /** Asks a registry whether it takes these credentials. They are not kept. */
  checkLogin: command(z.object({ host: z.string().min(1).max(256), auth: RegistryAuth }), z.void()),
  /** Every tag of a repository. */
  tags: query(z.object({ reference: z.string(), auth: RegistryAuth.optional() }), z.array(z.string())),
}
