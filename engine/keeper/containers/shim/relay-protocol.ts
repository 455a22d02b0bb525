import type { MessagePort } from 'node:worker_threads'

/** What the relay worker is started with. `wakeFd` is an eventfd: written after each message to the worker. */
export interface RelayWorkerData {
  readonly role: 'attach-relay'
  readonly port: MessagePort
  readonly wakeFd: number
}

/** `attach` drains always and drops a reader that lags; `exec` holds the process back, as attached clients of Docker do. */
export type RelayMode = 'attach' | 'exec'

export type ToRelay =
  | { readonly type: 'watch'; readonly id: string; readonly pid: number; readonly startTicks: number }
  | { readonly type: 'unwatch'; readonly id: string }
  | { readonly type: 'open'; readonly stream: number; readonly folder: string; readonly mode: RelayMode }
  | { readonly type: 'write'; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly type: 'eof'; readonly stream: number }
  | { readonly type: 'consumed'; readonly stream: number; readonly bytes: number }
  /** `endsStdin`: the process's stdin ends with this reader. */
  | { readonly type: 'close'; readonly stream: number; readonly endsStdin: boolean }
  | { readonly type: 'stop' }

export type FromRelay =
  | { readonly type: 'died'; readonly id: string }
  | { readonly type: 'opened'; readonly stream: number }
  | { readonly type: 'failed'; readonly stream: number; readonly message: string }
  /** A frame of the Host's terminal stream: kind, then payload. */
  | { readonly type: 'frame'; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly type: 'wrote'; readonly stream: number }
  | { readonly type: 'slow'; readonly stream: number }
  | { readonly type: 'ended'; readonly stream: number }
