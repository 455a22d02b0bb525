import type { WireError } from '../../contract/errors.ts'
import type { ArchivePlace, PathStat } from '../../host/archive.ts'

/*
 * keeper ──job──► worker        one job at a time
 * keeper ◄─ stat?, (done | error) ─ worker
 * engine ◄═ tar ═ worker        over a socket that the engine listens on
 */
export type ArchiveJob =
  | { readonly kind: 'stat'; readonly place: ArchivePlace; readonly path: string; readonly rootless: boolean }
  | {
      readonly kind: 'read'
      readonly place: ArchivePlace
      readonly path: string
      readonly rootless: boolean
      readonly socketPath: string
    }
  | {
      readonly kind: 'write'
      readonly place: ArchivePlace
      readonly path: string
      readonly rootless: boolean
      readonly socketPath: string
      readonly keepKinds: boolean
      readonly owner: { readonly uid: number; readonly gid: number } | null
    }
  | { readonly kind: 'layer'; readonly folder: string; readonly rootless: boolean; readonly socketPath: string }
  | {
      readonly kind: 'changes'
      readonly upper: string
      readonly lower: readonly string[]
      readonly rootless: boolean
      readonly socketPath: string
    }

export type ArchiveMessage =
  | { readonly type: 'stat'; readonly stat: PathStat }
  | { readonly type: 'done' }
  | { readonly type: 'error'; readonly error: WireError }

/** Whether a worker ends with this job, since what it has mounted ends with it. */
export const isLast = (job: ArchiveJob): boolean => 'place' in job && job.place.kind === 'layers'
