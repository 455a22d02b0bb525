import type { Duplex } from 'node:stream'
import { EngineError } from '../../contract/errors.ts'
import type { RestAnswer, RestRequest } from './http.ts'

/** Answers a request. */
export type Handler = (request: RestRequest) => Promise<RestAnswer> | RestAnswer
/** Takes the connection over after the headers. `respond` sends them. */
export type HijackHandler = (request: RestRequest, connection: Hijack) => Promise<void>

export interface Hijack {
  /** The connection, before and after the switch: what the client types comes out of it. */
  readonly open: (contentType: string) => Duplex
  /** The request's own body, before the switch. */
  readonly body: () => Promise<Record<string, unknown>>
}
export type Route =
  | { readonly method: string; readonly path: string; readonly handle: Handler }
  | { readonly method: string; readonly path: string; readonly hijack: HijackHandler }

interface Match {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}
/** Finds the route of a request. */
export interface Router {
  readonly match: (method: string, path: string) => Match
}

const VERSION = /^\/v(\d+)\.(\d+)(?=\/)/
const OLDEST = 24
const NEWEST = 51

/** Takes `/v1.43` off a path and answers with its 43. Versions newer than 1.51 and older than 1.24 are refused in Docker's words. */
export function splitVersion(path: string): { readonly path: string; readonly version: number } {
  const found = VERSION.exec(path)
  if (!found) return { path, version: NEWEST }
  const [prefix, major, minor] = found
  if (Number(major) !== 1 || Number(minor) > NEWEST)
    throw new EngineError(
      'invalidArgument',
      'version.too-new',
      `client version ${major}.${minor} is too new. Maximum supported API version is 1.${NEWEST}`,
    )
  if (Number(minor) < OLDEST)
    throw new EngineError(
      'invalidArgument',
      'version.too-old',
      `client version ${major}.${minor} is too old. Minimum supported API version is 1.${OLDEST}, please upgrade your client to a newer version`,
    )
  return { path: path.slice(prefix.length), version: Number(minor) }
}

/**
 * The version to answer a client in. docker-compose 1.x speaks the newest that it is offered, but reads answers as they
 * were before 1.45: without `ContainerConfig` of images it cannot make a container anew.
 */
export function versionFor(asked: number, userAgent = ''): number {
  return userAgent.startsWith('docker-compose/1.') ? Math.min(asked, 44) : asked
}

/** A router over Docker's paths. `{name}` is one segment, `{name...}` may hold slashes (image names do). */
export function createRouter(routes: readonly Route[]): Router {
  const compiled = routes.map((route) => ({ route, pattern: compile(route.path) }))
  return {
    match(method, path) {
      let isKnownPath = false
      for (const { route, pattern } of compiled) {
        const found = pattern.exec(path)
        if (!found) continue
        isKnownPath = true
        if (route.method !== method) continue
        const params = Object.fromEntries(
          Object.entries(found.groups ?? {}).map(([name, value]) => [name, decode(value ?? '')]),
        )
        return { route, params }
      }
      if (isKnownPath) throw new EngineError('notFound', 'route.method', `page not found: ${method} ${path}`)
      throw new EngineError('notFound', 'route.not-found', 'page not found')
    },
  }
}

function compile(path: string): RegExp {
  const source = path.replace(/\{(\w+)(\.\.\.)?\}/g, (_, name: string, isLong?: string) =>
    isLong ? `(?<${name}>.+)` : `(?<${name}>[^/]+)`,
  )
  return new RegExp(`^${source}$`)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new EngineError('invalidArgument', 'path.invalid', `invalid path: ${text}`)
  }
}
