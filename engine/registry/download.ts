import { type FileHandle, open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError } from '../contract/errors.ts'
import type { BlobDownload } from './blob-download.ts'
import { describeFailure, isBroken } from './failure.ts'
import { FIRST_WAIT_MS, fetchParts, readContentRange } from './ranges.ts'
import { registryError, type Session } from './session.ts'
import { backOff, discard, type RegistryResponse, readText } from './transport.ts'
import { createVerifiedFile, cutIntoParts, type VerifiedFile } from './verified-file.ts'

/** Size of the ranges that a large blob is fetched in; below twice as much it is fetched in one go. */
const PART_BYTES = 16 * 1024 * 1024

/**
 * Writes a blob to a file and to the disk, hashed as it comes. A large one comes in ranges over several connections
 * where the server knows them, else in one. A connection that breaks is taken up where it ended; a server is given up
 * after some tries in a row that bring nothing, and the next one goes on from there. Throws what the last one failed
 * with, `blob.digest-mismatch` and `blob.size-mismatch` among it.
 */
export async function downloadBlob(
  sessions: readonly [Session, ...Session[]],
  wanted: BlobDownload,
  onFailure: (session: Session, error: EngineError) => void = () => undefined,
): Promise<void> {
  const handle = await open(wanted.file, 'wx+', 0o600)
  let file = createFile(handle, wanted)
  const [first, ...queue] = sessions
  try {
    for (let session: Session | undefined = first; session; ) {
      const isMixed = file.writtenBytes > 0
      const failure = await tryOne(session, wanted, file)
      if (!failure) return
      if (isWrong(failure)) {
        await file.settle()
        await handle.truncate(0)
        file = createFile(handle, wanted)
      }
      // Whose bytes were wrong is not known when another's lay there before; this one is then judged by its own.
      if (isMixed && isWrong(failure)) continue
      onFailure(session, failure)
      session = isOfServer(failure) ? queue.shift() : undefined
      if (!session) throw failure
    }
  } finally {
    await file.settle()
    await handle.close()
  }
}

function createFile(handle: FileHandle, { size, partBytes = PART_BYTES }: BlobDownload): VerifiedFile {
  return createVerifiedFile(handle, cutIntoParts(size, size >= 2 * partBytes ? partBytes : Math.max(1, size)))
}

/** Fetches what is missing from one server; answers what it failed with. */
async function tryOne(session: Session, wanted: BlobDownload, file: VerifiedFile): Promise<EngineError | null> {
  try {
    await fetchAll(session, wanted, file)
  } catch (error) {
    wanted.signal.throwIfAborted()
    return describeFailure(error, new URL(`registry://${session.host}`))
  }
  const actual = await file.finish()
  if (actual === wanted.digest) return null
  return new EngineError(
    'invalidArgument',
    'blob.digest-mismatch',
    `${session.host} gave bytes of digest ${actual} for the blob ${wanted.digest}`,
    { details: { expected: wanted.digest, actual } },
  )
}

const isWrong = ({ reason }: EngineError) => reason === 'blob.digest-mismatch' || reason === 'blob.size-mismatch'
/** Whether another server may do better: a full disk is full for it too. */
const isOfServer = ({ code, reason }: EngineError) => code !== 'internal' && !reason.startsWith('disk.')

async function fetchAll(session: Session, wanted: BlobDownload, file: VerifiedFile): Promise<void> {
  if (file.parts.length === 1) return fetchWhole(session, wanted, file, { hasRanges: true })
  const outcome = await fetchParts(session, wanted, file)
  if (!outcome.isDone) await fetchWhole(session, wanted, file, { hasRanges: false, opened: outcome.whole })
}

/** Reads from the first gap to the end, over one connection at a time. */
async function fetchWhole(
  session: Session,
  wanted: BlobDownload,
  file: VerifiedFile,
  server: { readonly hasRanges: boolean; readonly opened?: RegistryResponse | undefined },
): Promise<void> {
  let { hasRanges, opened } = server
  for (let fruitless = 0; file.contiguousBytes() < wanted.size; ) {
    const before = file.writtenBytes
    let failure: unknown
    try {
      opened ??= await ask(session, wanted, hasRanges ? file.contiguousBytes() : 0)
      hasRanges = (await readAnswer(session, wanted, { file, response: opened })) && hasRanges
    } catch (error) {
      wanted.signal.throwIfAborted()
      if (!isBroken(error)) throw error
      failure = error
    }
    opened = undefined
    const isFruitful = file.writtenBytes > before
    if (isFruitful && !failure) continue
    fruitless = isFruitful ? 1 : fruitless + 1
    if (fruitless >= session.attempts) throw failure ?? sizeMismatch(wanted, session.host, `${before}`)
    await sleep(backOff(wanted.firstWaitMs ?? FIRST_WAIT_MS, fruitless), undefined, { signal: wanted.signal })
  }
}

async function ask(session: Session, wanted: BlobDownload, start: number): Promise<RegistryResponse> {
  const { path, digest, size, signal } = wanted
  const response = await session.request(`${path}/blobs/${digest}`, {
    method: 'GET',
    headers: start > 0 ? { range: `bytes=${start}-${size - 1}` } : {},
    signal,
  })
  const { statusCode } = response
  if (statusCode === 200 || statusCode === 206) return response
  throw registryError(session.host, statusCode, await readText(response))
}

/** Takes what an answer brings; a server that knows no ranges begins anew. False when it lies about which bytes these are. */
async function readAnswer(
  session: Session,
  wanted: BlobDownload,
  { file, response }: { readonly file: VerifiedFile; readonly response: RegistryResponse },
): Promise<boolean> {
  const range = readContentRange(response)
  if (response.statusCode === 206 && (!range || range.start > file.contiguousBytes())) {
    discard(response)
    return false
  }
  let at = range?.start ?? 0
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    if (at + chunk.length > wanted.size) throw sizeMismatch(wanted, session.host, `more than ${wanted.size}`)
    at = await file.take(at, chunk)
    wanted.onProgress(file.writtenBytes)
  }
  return true
}

function sizeMismatch({ digest, size }: BlobDownload, host: string, actual: string): EngineError {
  return new EngineError(
    'invalidArgument',
    'blob.size-mismatch',
    `${host} gave ${actual} bytes for the blob ${digest} of ${size} bytes`,
    { details: { expected: size } },
  )
}
