import type { WireError } from '../../contract/errors.ts'
import type { ByteRange, UnpackLayerResult } from '../../host/host.ts'

/*
 * keeper ──job──► worker     one job a process: it cannot leave the root that it entered
 * keeper ◄─ progress* (done | error) ─ worker
 */
export type WorkerJob =
  | {
      readonly kind: 'layer'
      readonly source: ByteRange
      /** The folder that becomes the worker's root. */
      readonly root: string
      /** Temporary blob file, or `''`. */
      readonly blobFile: string
      readonly rootless: boolean
    }
  | {
      /** Copies the folder `path` of `from` into `root`, names taken as they are. */
      readonly kind: 'copy'
      readonly from: string
      readonly path: string
      readonly root: string
      readonly rootless: boolean
    }

export interface WorkerResult extends UnpackLayerResult {
  /** Device nodes left out, as rootless workers must. */
  readonly skippedDevices: number
}

export type WorkerMessage =
  | { readonly type: 'progress'; readonly currentBytes: number }
  | { readonly type: 'done'; readonly result: WorkerResult }
  | { readonly type: 'error'; readonly error: WireError }
