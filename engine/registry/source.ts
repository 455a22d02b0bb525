import { EngineError } from '../contract/errors.ts'
import type { BlobDownload } from './blob-download.ts'
import { downloadBlob } from './download.ts'
import { type ResolvedImage, resolveImage, type WantedPlatform } from './manifests.ts'
import type { Session } from './session.ts'

/** How quick and in what pieces a repository is spoken to. */
export type Pace = Pick<BlobDownload, 'firstWaitMs' | 'partBytes'>
type WantedBlob = Omit<BlobDownload, 'path' | keyof Pace>

/** What a repository is read from, for one pull. */
export interface Source {
  resolve(target: string, platform: WantedPlatform, signal: AbortSignal): Promise<ResolvedImage>
  download(blob: WantedBlob): Promise<void>
}

/** What the last one's error adds of a mirror. */
export const mirrorFailure = (mirror: string, { message }: EngineError): string =>
  `; its mirror ${mirror} failed before: ${message}`

/**
 * Reads from servers that have the same: mirrors in their order, the registry itself last. One that fails is not asked
 * again; one that merely lacks a blob still is. The last one's error counts, with what a mirror before it failed with.
 */
export function createSource(
  sessions: readonly [...Session[], Session],
  { path, pace, earlier: before = '' }: { readonly path: string; readonly pace: Pace; readonly earlier?: string },
): Source {
  const last = sessions.at(-1) as Session
  let usable: readonly Session[] = sessions
  let earlier = before
  const leave = (session: Session, error: EngineError) => {
    if (session === last || error.code === 'notFound') return
    earlier ||= mirrorFailure(session.host, error)
    usable = usable.filter((other) => other !== session)
  }
  // What a registry answers may be only half of what went wrong: it is asked because a mirror failed.
  const tell = (error: unknown): unknown => {
    if (!(error instanceof EngineError) || error.reason.startsWith('disk.') || earlier === '') return error
    const { code, reason, message, details } = error
    return new EngineError(code, reason, `${message}${earlier}`, { cause: error, ...(details ? { details } : {}) })
  }

  return {
    async resolve(target, platform, signal) {
      for (const [index, session] of sessions.entries()) {
        try {
          const found = await resolveImage(session, { path, target, platform, signal })
          usable = sessions.slice(index)
          return found
        } catch (error) {
          signal.throwIfAborted()
          if (session === last) throw tell(error)
          leave(session, EngineError.from(error))
        }
      }
      throw new EngineError('internal', 'source.none', 'there is no registry to read from')
    },
    async download(blob) {
      const [first = last, ...others] = usable
      await downloadBlob([first, ...others], { ...blob, path, ...pace }, leave).catch((error: unknown) => {
        blob.signal.throwIfAborted()
        throw tell(error)
      })
    },
  }
}
