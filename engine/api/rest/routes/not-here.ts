import { EngineError } from '../../../contract/errors.ts'
import type { Route } from '../router.ts'

const MANAGED = 'the engine runs no plugins of its own; volume plugins with a socket of theirs work'

const BUILT = 'the engine has no builder: build with BuildKit, buildah or podman, then load, import or pull the image'

/** Calls, and why they are not here where that is for good. */
const CALLS: readonly (readonly [method: string, path: string, why?: string])[] = [
  ['GET', '/containers/{id}/attach/ws', 'attach by POST, which takes the connection over'],
  ['POST', '/build', BUILT],
  ['POST', '/session', BUILT],
  ['PUT', '/volumes/{name}', 'only the volumes of a swarm can be changed'],
  ['GET', '/plugins/privileges', MANAGED],
  ['POST', '/plugins/pull', MANAGED],
  ['POST', '/plugins/create', MANAGED],
  ['DELETE', '/plugins/{name...}', MANAGED],
  ['POST', '/plugins/{name...}/enable', MANAGED],
  ['POST', '/plugins/{name...}/disable', MANAGED],
  ['POST', '/plugins/{name...}/upgrade', MANAGED],
  ['POST', '/plugins/{name...}/push', MANAGED],
  ['POST', '/plugins/{name...}/set', MANAGED],
]

/** Calls of Docker's API that this engine knows and does not have: each says so, with status 501. */
export const missingRoutes: readonly Route[] = CALLS.map(([method, path, why]) => ({
  method,
  path,
  handle: () => {
    throw new EngineError(
      'notImplemented',
      'route.not-implemented',
      `${method} ${path} is not implemented here${why ? `: ${why}` : ''}`,
    )
  },
}))

/** Why a call is not here, by its route; nothing where it may come. */
export const missingWhy: ReadonlyMap<Route, string> = new Map(
  missingRoutes.map((route, index) => [route, CALLS[index]?.[2] ?? '']),
)
