import { EngineError } from '../../../contract/errors.ts'
import type { Services } from '../../../service/services.ts'
import { toPathStat } from '../codec/path-stat.ts'
import { isTrue, type RestRequest } from '../http.ts'
import type { Route } from '../router.ts'

const TAR = 'application/x-tar'
const CHANGE_KINDS = { changed: 0, added: 1, removed: 2 } as const

/** Files of containers: `docker cp`, `diff` and `export`. */
export function archiveRoutes({ container }: Services): Route[] {
  const id = ({ params }: RestRequest) => params['id'] ?? ''
  return [
    {
      method: 'HEAD',
      path: '/containers/{id}/archive',
      handle: async (request) => {
        const stat = await container.statPath(id(request), pathOf(request))
        return { status: 200, headers: { 'X-Docker-Container-Path-Stat': toPathStat(stat) } }
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/archive',
      handle: async (request) => {
        const input = { id: id(request), path: pathOf(request) }
        const { stat, stream, ended } = await container.readArchive(input, request.signal)
        return {
          status: 200,
          stream: untilEnded(stream, ended),
          headers: { 'Content-Type': TAR, 'X-Docker-Container-Path-Stat': toPathStat(stat) },
        }
      },
    },
    {
      method: 'PUT',
      path: '/containers/{id}/archive',
      handle: async (request) => {
        const { query, message, signal } = request
        const input = {
          id: id(request),
          path: pathOf(request),
          keepKinds: isTrue(query.get('noOverwriteDirNonDir')),
          ownedByUser: isTrue(query.get('copyUIDGID')),
        }
        await container.writeArchive(input, message, signal)
        return { status: 200 }
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/changes',
      handle: async (request) => {
        const changes = await container.changes(id(request))
        const json = changes.map(({ path, kind }) => ({ Path: path, Kind: CHANGE_KINDS[kind] }))
        return { status: 200, json }
      },
    },
    {
      method: 'GET',
      path: '/containers/{id}/export',
      handle: async (request) => {
        const { stream, ended } = await container.export(id(request), request.signal)
        return {
          status: 200,
          stream: untilEnded(stream, ended),
          headers: { 'Content-Type': 'application/octet-stream' },
        }
      },
    },
  ]
}

/** A path of a container; one that is relative begins at its root. */
function pathOf({ query }: RestRequest): string {
  const text = query.get('path') ?? ''
  if (text === '') throw new EngineError('invalidArgument', 'path.missing', 'missing path: bad parameter')
  if (text.includes('\0')) throw new EngineError('invalidArgument', 'path.invalid', 'invalid path')
  return text.startsWith('/') ? text : `/${text}`
}

/** The bytes; a tar that broke off breaks the answer off, so that no client takes it for whole. */
async function* untilEnded(stream: AsyncIterable<Uint8Array>, ended: Promise<void>) {
  yield* stream
  await ended
}
