import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { EngineError } from '../contract/errors.ts'
import { registryError, type Session } from './session.ts'
import { backOff, describeFailure, isBroken, readText } from './transport.ts'

const FRUITLESS_ATTEMPTS = 5
const FIRST_WAIT_MS = 300
const FLUSH_BYTES = 16 * 1024 * 1024

export interface BlobDownload {
  readonly path: string
  readonly digest: string
  readonly size: number
  /** Created by the download; whoever asked removes it when it fails. */
  readonly file: string
  readonly signal: AbortSignal
  readonly onProgress: (currentBytes: number) => void
  readonly firstWaitMs?: number
}

/**
 * Writes a blob to a file and to the disk, hashed as it comes. A connection that breaks is taken up where it ended;
 * it is given up after five tries in a row that bring nothing. Throws `blob.digest-mismatch` or `blob.size-mismatch`.
 */
export async function downloadBlob(session: Session, wanted: BlobDownload): Promise<void> {
  const hash = createHash('sha256')
  const handle = await open(wanted.file, 'wx', 0o600)
  try {
    let done = 0
    let unflushed = 0
    const take = async (chunk: Buffer) => {
      if (done + chunk.length > wanted.size) throw sizeMismatch(wanted, session.host, `more than ${wanted.size}`)
      await handle.write(chunk, 0, chunk.length, done)
      hash.update(chunk)
      done += chunk.length
      unflushed += chunk.length
      wanted.onProgress(done)
      if (unflushed < FLUSH_BYTES) return
      unflushed = 0
      await handle.datasync()
    }
    for (let fruitless = 0; done < wanted.size; ) {
      const before = done
      try {
        await readFrom(session, wanted, done, take)
        if (done === before) throw sizeMismatch(wanted, session.host, `${done}`)
      } catch (error) {
        wanted.signal.throwIfAborted()
        fruitless = done > before ? 1 : fruitless + 1
        const isShort = error instanceof EngineError && error.reason === 'blob.size-mismatch' && done < wanted.size
        if ((!isBroken(error) && !isShort) || fruitless >= FRUITLESS_ATTEMPTS) {
          throw describeFailure(error, new URL(`registry://${session.host}`))
        }
        await sleep(backOff(wanted.firstWaitMs ?? FIRST_WAIT_MS, fruitless), undefined, { signal: wanted.signal })
      }
    }
    const actual = `sha256:${hash.digest('hex')}`
    if (actual !== wanted.digest) {
      throw new EngineError(
        'invalidArgument',
        'blob.digest-mismatch',
        `${session.host} gave bytes of digest ${actual} for the blob ${wanted.digest}`,
        { details: { expected: wanted.digest, actual } },
      )
    }
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

async function readFrom(
  session: Session,
  { path, digest, size, signal }: BlobDownload,
  start: number,
  take: (chunk: Buffer) => Promise<void>,
): Promise<void> {
  const response = await session.request(`${path}/blobs/${digest}`, {
    method: 'GET',
    headers: start > 0 ? { range: `bytes=${start}-${size - 1}` } : {},
    signal,
  })
  const { statusCode } = response
  if (statusCode !== 200 && statusCode !== 206) throw registryError(session.host, statusCode, await readText(response))
  // A server that knows no ranges begins anew.
  let skip = statusCode === 200 ? start : 0
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    const passed = Math.min(skip, chunk.length)
    skip -= passed
    if (passed < chunk.length) await take(chunk.subarray(passed))
  }
}

function sizeMismatch({ digest, size }: BlobDownload, host: string, actual: string): EngineError {
  return new EngineError(
    'invalidArgument',
    'blob.size-mismatch',
    `${host} gave ${actual} bytes for the blob ${digest} of ${size} bytes`,
    { details: { expected: size } },
  )
}
