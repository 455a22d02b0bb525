import { createReadStream } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError } from '../contract/errors.ts'
import { describeFailure, isBroken } from './failure.ts'
import { registryError, type Session } from './session.ts'
import { ATTEMPTS, backOff, isTransient, type RegistryResponse, readText } from './transport.ts'

const CHUNK_BYTES = 32 * 1024 * 1024
/** What every registry takes at once; some take no more. */
const SMALL_CHUNK_BYTES = 4 * 1024 * 1024
/** How often an upload that its registry has let go of begins anew. */
const RESTARTS = 5
const FIRST_WAIT_MS = 300

export interface BlobUpload {
  readonly path: string
  readonly digest: string
  readonly size: number
  readonly source: { readonly file: string } | { readonly bytes: Buffer }
  /** Repositories of the same registry that may have it. */
  readonly mountFrom: readonly string[]
  readonly signal: AbortSignal
  readonly onProgress: (currentBytes: number) => void
  readonly firstWaitMs?: number
}
export type UploadOutcome = 'exists' | 'mounted' | 'uploaded'

/** Brings a blob to a registry: not at all when it is there, by a mount from a sister repository, else in chunks. */
export async function uploadBlob(session: Session, wanted: BlobUpload): Promise<UploadOutcome> {
  const { path, digest, signal } = wanted
  const head = await session.request(`${path}/blobs/${digest}`, { method: 'HEAD', signal })
  await head.body.dump()
  if (head.statusCode === 200) return 'exists'
  for (const from of [...wanted.mountFrom, '']) {
    const query = from ? `?${new URLSearchParams({ mount: digest, from })}` : ''
    const response = await session.request(`${path}/blobs/uploads/${query}`, {
      method: 'POST',
      headers: { 'content-length': '0' },
      signal,
    })
    if (response.statusCode === 201) {
      await response.body.dump()
      return 'mounted'
    }
    if (response.statusCode === 202) {
      await sendChunks(session, wanted, await readLocation(session, response))
      return 'uploaded'
    }
    const error = registryError(session.host, response.statusCode, await readText(response))
    if (!from) throw error
  }
  throw new EngineError('internal', 'registry.no-upload', `${session.host} opened no upload for ${digest}`)
}

/** Where an upload goes on. A registry may place it elsewhere; then it goes without our credentials. */
async function readLocation(session: Session, response: RegistryResponse): Promise<URL> {
  await response.body.dump()
  const text = String(response.headers['location'] ?? '')
  if (URL.canParse(text)) return new URL(text)
  if (text.startsWith('/')) return new URL(text, await session.origin())
  throw new EngineError('unavailable', 'registry.bad-upload', `${session.host} named no place for the upload`)
}

async function sendChunks(session: Session, wanted: BlobUpload, first: URL): Promise<void> {
  let location = first
  let done = 0
  let fruitless = 0
  let restarts = 0
  let chunkBytes = CHUNK_BYTES
  while (done < wanted.size) {
    const end = Math.min(wanted.size, done + chunkBytes)
    try {
      const response = await session.request(location, {
        method: 'PATCH',
        headers: {
          'content-type': 'application/octet-stream',
          'content-range': `${done}-${end - 1}`,
          'content-length': String(end - done),
        },
        body: bodyOf(wanted, done, end),
        signal: wanted.signal,
        attempts: 1,
      })
      if (response.statusCode !== 202) {
        const text = await readText(response)
        const error = registryError(session.host, response.statusCode, text)
        const isTooLarge = [413, 416].includes(response.statusCode) && end - done > SMALL_CHUNK_BYTES
        if (isTooLarge) chunkBytes = SMALL_CHUNK_BYTES
        if (!isTooLarge && !isTransient(response.statusCode) && response.statusCode !== 416) throw error
        throw Object.assign(new Error(error.message), { code: 'TRANSIENT' })
      }
      location = await readLocation(session, response)
      done = end
      fruitless = 0
      wanted.onProgress(done)
    } catch (error) {
      wanted.signal.throwIfAborted()
      fruitless += 1
      // One that wants less at once may also just hang up.
      if (fruitless > 1) chunkBytes = SMALL_CHUNK_BYTES
      const cause = error instanceof EngineError ? error.cause : error
      if (!isBroken(cause ?? error) || fruitless >= ATTEMPTS)
        throw describeFailure(error, new URL(`registry://${session.host}`))
      await sleep(backOff(wanted.firstWaitMs ?? FIRST_WAIT_MS, fruitless), undefined, { signal: wanted.signal })
      const kept = await askProgress(session, wanted, { location, done })
      if (!kept) restarts += 1
      if (restarts > RESTARTS) throw describeFailure(error, new URL(`registry://${session.host}`))
      location = kept ? kept.location : await beginAnew(session, wanted)
      done = kept ? kept.done : 0
    }
  }
  await finishUpload(session, wanted, location)
}

/**
 * How much of a broken chunk the registry has kept (OCI distribution spec, "Pushing a blob in chunks"); `null` where it
 * has let go of the upload, as CNCF's does of one whose chunk came in part.
 */
async function askProgress(
  session: Session,
  { signal }: BlobUpload,
  last: { readonly location: URL; readonly done: number },
): Promise<{ location: URL; done: number } | null> {
  const response = await session.request(last.location, { method: 'GET', signal })
  const range = /^(?:bytes=)?0-(\d+)$/.exec(String(response.headers['range'] ?? ''))
  if ([400, 404, 416].includes(response.statusCode)) {
    await response.body.dump()
    return null
  }
  if (response.statusCode !== 204 && response.statusCode !== 202) {
    throw registryError(session.host, response.statusCode, await readText(response))
  }
  const hasLocation = response.headers['location'] !== undefined
  const location = hasLocation ? await readLocation(session, response) : last.location
  if (!hasLocation) await response.body.dump()
  // `0-0` is what registries answer for nothing as well as for one byte.
  const kept = range ? Number(range[1]) : 0
  return { location, done: kept === 0 ? 0 : kept + 1 }
}

async function beginAnew(session: Session, { path, signal }: BlobUpload): Promise<URL> {
  const headers = { 'content-length': '0' }
  const response = await session.request(`${path}/blobs/uploads/`, { method: 'POST', headers, signal })
  if (response.statusCode === 202) return readLocation(session, response)
  throw registryError(session.host, response.statusCode, await readText(response))
}

async function finishUpload(session: Session, { digest, signal }: BlobUpload, location: URL): Promise<void> {
  const url = new URL(location)
  url.searchParams.set('digest', digest)
  const response = await session.request(url, { method: 'PUT', headers: { 'content-length': '0' }, signal })
  const text = await readText(response)
  if (response.statusCode !== 201) throw registryError(session.host, response.statusCode, text)
}

function bodyOf({ source, onProgress }: BlobUpload, start: number, end: number) {
  if ('bytes' in source) return source.bytes.subarray(start, end)
  return async function* () {
    let sent = start
    for await (const chunk of createReadStream(source.file, { start, end: end - 1, highWaterMark: 256 * 1024 })) {
      yield chunk as Buffer
      sent += (chunk as Buffer).length
      onProgress(sent)
    }
  }
}
