import { z } from 'zod'
import { command, query } from './define.ts'

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
})
export type RegistryLogin = z.output<typeof RegistryLogin>

export const SearchResult = z.object({
  /** As it is pulled: `alpine`, `registry.example:5000/team/app`. */
  name: z.string(),
  description: z.string(),
  starCount: z.number().int(),
  isOfficial: z.boolean(),
})
export type SearchResult = z.output<typeof SearchResult>

/** How registries are reached. */
export const RegistrySettings = z.object({
  /** Asked first for images of `host`, in this order; the registry itself comes last. */
  mirrors: z.array(z.object({ host: z.string().min(1), url: z.url({ protocol: /^https?$/ }) })).default([]),
  /** Registries (`host[:port]`) that may be spoken to without encryption. This machine's own always may. */
  insecure: z.array(z.string().min(1)).default([]),
})
export type RegistrySettings = z.output<typeof RegistrySettings>

const Login = z.object({ host: z.string().default('docker.io'), username: z.string().min(1), password: z.string() })

export const registry = {
  /** Registries that we are logged in to. */
  list: query(z.object({}), z.array(RegistryLogin)),
  /** Asks the registry whether it takes the name and password, then keeps them. */
  login: command(Login, RegistryLogin),
  logout: command(z.object({ host: z.string() }), z.void()),
  /** Whether a registry answers and takes what we have for it; the error says what is wrong. */
  test: query(z.object({ host: z.string() }), z.object({ username: z.string() })),
  /** Images by name: of Docker Hub, or of another registry where the term begins with its host. */
  search: query(
    z.object({ term: z.string().min(1), limit: z.number().int().min(1).max(100).default(25) }),
    z.array(SearchResult),
  ),
  settings: query(z.object({}), RegistrySettings),
  setSettings: command(RegistrySettings, z.void()),
} as const
