import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { EngineError } from '../contract/errors.ts'

const FLUSH_BYTES = 16 * 1024 * 1024
const READ_BYTES = 256 * 1024

/** A stretch of a file, `start` to before `end`; its bytes lie there up to `written`. */
export interface Part {
  readonly start: number
  readonly end: number
  readonly written: number
}

/** A file whose parts are filled beside each other, and which is hashed in order all the while. */
export interface VerifiedFile {
  readonly parts: readonly Part[]
  /** Bytes that have come, wherever they lie. */
  readonly writtenBytes: number
  /** Bytes that lie there from the start without a gap. */
  contiguousBytes(): number
  /** Takes bytes that begin at a place; those that are there already are passed over. Returns where they end. */
  take(position: number, chunk: Buffer): Promise<number>
  /** Waits until every byte is hashed and on the disk; answers `sha256:…`. All of it must have come. */
  finish(): Promise<string>
  /** Waits until nothing reads the file any more, so that it can be closed. */
  settle(): Promise<void>
}

/** Cuts a size into parts of so many bytes; the last is what is left. */
export function cutIntoParts(size: number, partBytes: number): Part[] {
  const count = Math.max(1, Math.ceil(size / partBytes))
  return Array.from({ length: count }, (_, index) => {
    const start = index * partBytes
    return { start, end: Math.min(size, start + partBytes), written: start }
  })
}

/**
 * Bytes that come where the hash stands are hashed as they come; those that came ahead of it are read again once it
 * gets there, while further ones land. The file so has its digest the moment its last byte has come.
 */
export function createVerifiedFile(handle: FileHandle, cut: readonly Part[]): VerifiedFile {
  const parts = cut.map((part) => ({ ...part }))
  const size = parts.at(-1)?.end ?? 0
  const hash = createHash('sha256')
  let hashed = 0
  let writtenBytes = 0
  let unflushed = 0
  let catching: Promise<void> | undefined

  const partAt = (position: number) => parts.find(({ end }) => position < end)
  const catchUp = (): Promise<void> => {
    catching ??= readBehind().finally(() => {
      catching = undefined
    })
    return catching
  }
  const readBehind = async () => {
    const buffer = Buffer.allocUnsafe(READ_BYTES)
    for (let upTo = partAt(hashed)?.written ?? size; upTo > hashed; upTo = partAt(hashed)?.written ?? size) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(READ_BYTES, upTo - hashed), hashed)
      if (bytesRead === 0)
        throw new EngineError('internal', 'blob.short-file', 'a file has lost what was written to it')
      hash.update(buffer.subarray(0, bytesRead))
      hashed += bytesRead
    }
  }
  const write = async (part: (typeof parts)[number], chunk: Buffer) => {
    if (part.written === hashed) {
      hash.update(chunk)
      hashed += chunk.length
    }
    await writeWhole(handle, chunk, part.written)
    part.written += chunk.length
    writtenBytes += chunk.length
    unflushed += chunk.length
    const next = partAt(hashed)
    if (next && next.written > hashed) catchUp().catch(() => undefined)
    if (unflushed < FLUSH_BYTES) return
    unflushed = 0
    await handle.datasync()
  }

  return {
    parts,
    get writtenBytes() {
      return writtenBytes
    },
    contiguousBytes: () => parts.find(({ written, end }) => written < end)?.written ?? size,
    async take(position, chunk) {
      let at = position
      let rest = chunk
      while (rest.length > 0) {
        const part = partAt(at)
        if (!part) throw new EngineError('internal', 'blob.past-end', 'bytes lie beyond the end of a file')
        const here = Math.min(rest.length, part.end - at)
        const known = Math.max(0, Math.min(here, part.written - at))
        if (known < here) await write(part, rest.subarray(known, here))
        at += here
        rest = rest.subarray(here)
      }
      return at
    },
    async finish() {
      while (hashed < size) await catchUp()
      await handle.datasync()
      return `sha256:${hash.digest('hex')}`
    },
    settle: async () => void (await catching?.catch(() => undefined)),
  }
}

/** A disk's refusal is an error of its own: no other connection would help. */
async function writeWhole(handle: FileHandle, chunk: Buffer, position: number): Promise<void> {
  try {
    for (let done = 0; done < chunk.length; ) {
      done += (await handle.write(chunk, done, chunk.length - done, position + done)).bytesWritten
    }
  } catch (error) {
    throw EngineError.from(error)
  }
}
