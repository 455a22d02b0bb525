/** A bound socket and where its traffic goes. */
export interface ProxyListener {
  readonly fd: number
  readonly protocol: 'tcp' | 'udp'
  readonly containerIp: string
  readonly containerPort: number
}
export type ToProxy =
  | { readonly type: 'open'; readonly containerId: string; readonly listeners: readonly ProxyListener[] }
  | { readonly type: 'close'; readonly containerId: string }
  | { readonly type: 'stop' }
export type FromProxy =
  | { readonly type: 'closed'; readonly containerId: string }
  /** An nft table was deleted in the namespace of the bridges, by whomever; `''`: one may have been. */
  | { readonly type: 'table-deleted'; readonly table: string }
/** Told to the thread when it starts. `wakeFd` is an eventfd: messages wait while the thread waits for the kernel. */
export interface ProxyWorkerData {
  readonly role: 'port-proxy'
  readonly netnsPath: string
  readonly wakeFd: number
}
