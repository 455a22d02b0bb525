import { EngineError } from '../../../contract/errors.ts'
import type { Route } from '../router.ts'

/**
 * Plugins that an engine pulls and runs itself: there are none here. Volume plugins with a socket of their own are no
 * part of this list, as with Docker; `/info` names them.
 */
export const pluginRoutes: readonly Route[] = [
  { method: 'GET', path: '/plugins', handle: () => ({ status: 200, json: [] }) },
  {
    method: 'GET',
    path: '/plugins/{name...}/json',
    handle: ({ params }) => {
      throw new EngineError('notFound', 'plugin.not-found', `plugin "${params['name']}" not found`)
    },
  },
]
