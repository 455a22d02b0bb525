/** A blob that is wanted, and where to. */
export interface BlobDownload {
  readonly path: string
  readonly digest: string
  readonly size: number
  /** Created by the download; whoever asked removes it when it fails. */
  readonly file: string
  readonly signal: AbortSignal
  readonly onProgress: (currentBytes: number) => void
  readonly firstWaitMs?: number
  readonly partBytes?: number
}
