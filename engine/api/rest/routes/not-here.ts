import { EngineError } from '../../../contract/errors.ts'
import type { Route } from '../router.ts'

const CALLS: readonly (readonly [method: string, path: string])[] = [
  ['GET', '/containers/{id}/top'],
  ['POST', '/containers/{id}/update'],
  ['GET', '/containers/{id}/attach/ws'],
  ['POST', '/build'],
  ['POST', '/build/prune'],
  ['GET', '/images/{name...}/get'],
  ['GET', '/images/get'],
  ['POST', '/images/prune'],
  ['POST', '/commit'],
  ['POST', '/session'],
  ['PUT', '/volumes/{name}'],
  ['GET', '/plugins'],
  ['GET', '/plugins/privileges'],
  ['POST', '/plugins/pull'],
  ['POST', '/plugins/create'],
  ['GET', '/plugins/{name...}/json'],
  ['DELETE', '/plugins/{name...}'],
  ['POST', '/plugins/{name...}/enable'],
  ['POST', '/plugins/{name...}/disable'],
  ['POST', '/plugins/{name...}/upgrade'],
  ['POST', '/plugins/{name...}/push'],
  ['POST', '/plugins/{name...}/set'],
]

/** Calls of Docker's API that this engine knows and does not have: each says so, with status 501. */
export const missingRoutes: readonly Route[] = CALLS.map(([method, path]) => ({
  method,
  path,
  handle: () => {
    throw new EngineError('notImplemented', 'route.not-implemented', `${method} ${path} is not implemented here`)
  },
}))
