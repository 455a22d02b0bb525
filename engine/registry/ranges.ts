import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError } from '../contract/errors.ts'
import type { BlobDownload } from './blob-download.ts'
import { isBroken } from './failure.ts'
import { registryError, type Session } from './session.ts'
import { backOff, discard, type RegistryResponse, readText } from './transport.ts'
import type { Part, VerifiedFile } from './verified-file.ts'

/** Connections that one blob is fetched over at most. */
const LANES = 4
export const FIRST_WAIT_MS = 300

/** What became of an attempt by ranges: all is there, or the server has none that can be used. */
export type RangesOutcome = { readonly isDone: true } | { readonly isDone: false; readonly whole?: RegistryResponse }

interface Conversation {
  readonly session: Session
  readonly wanted: BlobDownload
  readonly file: VerifiedFile
  readonly signal: AbortSignal
  /** The server's mark of what it serves: it must stay the same from part to part (`If-Range`, RFC 9110, 13.1.5). */
  etag: string
}

/**
 * Fetches the parts of a blob that are not there yet over several connections; each is taken up where it was cut. The
 * first answer tells whether the server knows ranges: when it does not, that answer is handed back to be read whole. A
 * server that turns a further connection away is left with fewer.
 */
export async function fetchParts(session: Session, wanted: BlobDownload, file: VerifiedFile): Promise<RangesOutcome> {
  const stop = new AbortController()
  const signal = AbortSignal.any([wanted.signal, stop.signal])
  const talk: Conversation = { session, wanted, file, signal, etag: '' }
  const [first, ...others] = file.parts.filter(({ written, end }) => written < end)
  if (!first) return { isDone: true }
  const opened = await ask(talk, first)
  if (!isHonest(opened, first, wanted.size)) return giveBack(opened, session.host)
  const etag = String(opened.headers['etag'] ?? '')
  if (etag.startsWith('"')) talk.etag = etag

  const queue = others
  let active = 0
  let failure: { readonly error: unknown } | undefined
  let isRefused = false
  const run = async (part: Part, answer?: RegistryResponse) => {
    if (await fetchPart(talk, part, answer)) return
    isRefused = true
    stop.abort()
  }
  const lane = async (start: Part | undefined, answer?: RegistryResponse) => {
    active += 1
    let opening = answer
    for (let part = start; part && !signal.aborted; part = queue.shift()) {
      try {
        await run(part, opening)
        opening = undefined
      } catch (error) {
        if (isTurnedAway(error) && active > 1) queue.unshift(part)
        else {
          if (!signal.aborted) failure = { error }
          stop.abort()
        }
        break
      }
    }
    active -= 1
  }
  await Promise.all([
    lane(first, opened),
    ...Array.from({ length: Math.min(LANES - 1, others.length) }, () => lane(queue.shift())),
  ])
  wanted.signal.throwIfAborted()
  if (failure) throw failure.error
  return isRefused ? { isDone: false } : { isDone: true }
}

/** Too many connections for its taste: those that are open may go on. */
const isTurnedAway = (error: unknown): boolean =>
  error instanceof EngineError && error.code === 'unavailable' && error.reason.startsWith('registry.')

async function giveBack(response: RegistryResponse, host: string): Promise<RangesOutcome> {
  const { statusCode } = response
  if (statusCode === 200) return { isDone: false, whole: response }
  if (statusCode !== 206 && statusCode !== 416) throw registryError(host, statusCode, await readText(response))
  discard(response)
  return { isDone: false }
}

function ask({ session, wanted, signal, etag }: Conversation, part: Part): Promise<RegistryResponse> {
  return session.request(`${wanted.path}/blobs/${wanted.digest}`, {
    method: 'GET',
    headers: { range: `bytes=${part.written}-${part.end - 1}`, ...(etag ? { 'if-range': etag } : {}) },
    signal,
  })
}

/** Whether an answer is the part that was asked for, by its own word. */
function isHonest(response: RegistryResponse, part: Part, size: number): boolean {
  const range = readContentRange(response)
  return (
    range !== null &&
    range.start === part.written &&
    range.end <= part.end &&
    (range.total === null || range.total === size)
  )
}

/** What a 206 says that it is (RFC 9110, 14.4); `end` is the place after the last byte. */
export function readContentRange(
  response: RegistryResponse,
): { readonly start: number; readonly end: number; readonly total: number | null } | null {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(String(response.headers['content-range'] ?? ''))
  if (response.statusCode !== 206 || !match) return null
  const [, start, last, total] = match
  return { start: Number(start), end: Number(last) + 1, total: total === '*' ? null : Number(total) }
}

/** Fills one part; false when the server does not keep to ranges. */
async function fetchPart(talk: Conversation, part: Part, opened?: RegistryResponse): Promise<boolean> {
  const { wanted, signal, session } = talk
  let answer = opened
  for (let fruitless = 0; part.written < part.end; ) {
    const before = part.written
    try {
      answer ??= await ask(talk, part)
      if (!isHonest(answer, part, wanted.size)) {
        const outcome = await giveBack(answer, session.host)
        if (!outcome.isDone && outcome.whole) discard(outcome.whole)
        return false
      }
      await readPart(talk, part, answer)
      fruitless = part.written > before ? 0 : fruitless + 1
    } catch (error) {
      signal.throwIfAborted()
      fruitless = part.written > before ? 1 : fruitless + 1
      if (!isBroken(error) || fruitless >= session.attempts) throw error
    }
    answer = undefined
    if (fruitless === 0) continue
    if (fruitless >= session.attempts) return false
    await sleep(backOff(wanted.firstWaitMs ?? FIRST_WAIT_MS, fruitless), undefined, { signal })
  }
  return true
}

async function readPart({ file, wanted }: Conversation, part: Part, response: RegistryResponse): Promise<void> {
  let at = part.written
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    // What goes on past the end of the part is not what was asked for.
    if (at >= part.end) break
    at = await file.take(at, chunk.subarray(0, part.end - at))
    wanted.onProgress(file.writtenBytes)
  }
}
