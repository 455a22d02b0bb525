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

/** A registry that we are known to. */
export const RegistryLogin = z.object({
  /** `docker.io`, `host[:port]` */
  host: z.string(),
  /** `''` for a login by token. */
  username: z.string(),
  /** A credential helper (the desktop's keyring), docker's `config.json`, or the engine's memory until it ends. */
  keptIn: z.enum(['helper', 'file', 'memory']),
  /** Name of the helper, or `''`. */
  helper: z.string(),
  /** Of a login that was just kept elsewhere than configured: what its helper failed with. */
  helperFailure: z.string().optional(),
})
export type RegistryLogin = z.output<typeof RegistryLogin>

/** How registries are reached. */
export const RegistrySettings = z.object({
  /** Asked first for images of `host`, in this order; the registry itself comes last. */
  mirrors: z.array(z.object({ host: z.string().min(1), url: z.url({ protocol: /^https?$/ }) })).default([]),
  /** Registries (`host[:port]`) that may be spoken to without encryption. This machine's own always may. */
  insecure: z.array(z.string().min(1)).default([]),
})
export type RegistrySettings = z.output<typeof RegistrySettings>

export const registry = {
  /** Registries that we are logged in to. */
  list: query(z.object({}), z.array(RegistryLogin)),
  /** Asks the registry whether it takes the name and password, then keeps them. */
  login: command(
    z.object({ host: z.string().default('docker.io'), username: z.string().min(1), password: z.string() }),
    RegistryLogin,
  ),
  logout: command(z.object({ host: z.string() }), z.void()),
  /** Whether a registry answers and takes what we have for it, and as whom; the error says what is wrong. */
  test: query(z.object({ host: z.string() }), z.object({ username: z.string() })),
  settings: query(z.object({}), RegistrySettings),
  /** Holds from the next pull or push on. */
  setSettings: command(RegistrySettings, z.void()),
  /** Searches Docker Hub, or the registry whose host the term begins with. */
  search: query(
    z.object({ term: z.string().min(1).max(256), limit: z.number().int().min(1).max(100).default(25) }),
    z.array(SearchResult),
  ),
  /** Asks a registry whether it takes these credentials. They are not kept. */
  checkLogin: command(z.object({ host: z.string().min(1).max(256), auth: RegistryAuth }), z.void()),
  /** Every tag of a repository. */
  tags: query(z.object({ reference: z.string(), auth: RegistryAuth.optional() }), z.array(z.string())),
}
