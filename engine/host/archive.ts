import type { Call, OverlayMount } from './host.ts'

/*
 * Files in and out of containers. Paths are resolved by the kernel inside the container's root (openat2(2)), whatever
 * its processes do meanwhile. Bytes go over a unix socket that the engine listens on, for this one job:
 *
 *   engine listens ──socketPath──► keeper ──► worker connects ══ tar ══ engine
 */

/** Where the files of a container are. */
export type ArchivePlace =
  /** All that a living process sees. */
  | { readonly kind: 'process'; readonly pid: number }
  /** A folder alone, without what is mounted below it. */
  | { readonly kind: 'folder'; readonly path: string }
  /** Layers that are mounted for this job, with volumes and binds on them. Read-only where there is no `work`. */
  | {
      readonly kind: 'layers'
      readonly overlay: OverlayMount
      readonly mounts: readonly {
        readonly source: string
        /** A part of the source, resolved in it; `''` is all of it. */
        readonly subpath: string
        readonly target: string
        readonly readOnly: boolean
      }[]
    }

/** What a path names; a last link is not followed. */
export interface PathStat {
  readonly name: string
  readonly size: number
  /** As lstat(2) has it. */
  readonly mode: number
  /** Milliseconds. */
  readonly mtimeMs: number
  /** Where a link leads, as a path of the container; `''` for anything else. */
  readonly linkTarget: string
}

/** Told before the bytes of a read. */
export interface ReadProgress {
  readonly stat: PathStat
}

/** A file that a container has added, changed or removed. */
export interface PathChange {
  readonly path: string
  readonly kind: 'added' | 'changed' | 'removed'
  /** Bytes of a regular file; of one that is removed, those that it had. */
  readonly sizeBytes: number
  /** The file of several names that this is one of, `''` for others: its bytes lie on the disk once. */
  readonly linkId: string
  readonly isFolder: boolean
}

export interface ArchiveHost {
  readonly statPath: Call<{ readonly place: ArchivePlace; readonly path: string }, PathStat>
  /** Sends the file or folder as a tar and ends; what it is is told first, as progress. Missing is `path.not-found`. */
  readonly readArchive: Call<{ readonly place: ArchivePlace; readonly path: string; readonly socketPath: string }>
  /** Sends a writable layer as the tar of an image layer (OCI image spec, "Layer Changesets"): what is removed is a whiteout. */
  readonly readLayer: Call<{ readonly folder: string; readonly socketPath: string }>
  /** Unpacks a tar (gzip, zstd, bzip2 and xz are inflated) into the folder and ends. */
  readonly writeArchive: Call<{
    readonly place: ArchivePlace
    readonly path: string
    readonly socketPath: string
    /** A folder is never replaced by a file, nor a file by a folder. */
    readonly keepKinds: boolean
    /** Whose the files become; `null` keeps the tar's own. */
    readonly owner: { readonly uid: number; readonly gid: number } | null
  }>
  /** Sends `PathChange`s, one JSON text a line. */
  readonly readChanges: Call<{
    readonly upper: string
    /** Highest layer first. */
    readonly lower: readonly string[]
    readonly socketPath: string
  }>
}
