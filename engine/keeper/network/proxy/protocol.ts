import type { DnsSockets } from '../dns/protocol.ts'

/** A bound socket and where its traffic goes. */
export interface ProxyListener {
  readonly fd: number
  /** `sctp`: bound and no more, so that nobody else takes the port. */
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly containerIp: string
  readonly containerPort: number
}
/** What the proxy carries for a container: connections now, and bytes to it and from it since its listeners are there. */
export interface ProxyCount {
  readonly connections: number
  readonly received: number
  readonly sent: number
}
export type ToProxy =
  | { readonly type: 'open'; readonly containerId: string; readonly listeners: readonly ProxyListener[] }
  /** Ends some listeners, or all, with their connections. */
  | {
      readonly type: 'close'
      readonly call: number
      readonly containerId: string
      readonly fds: readonly number[] | 'all'
    }
  /** Opens DNS sockets in a container's namespace, and comes back. */
  | { readonly type: 'open-dns'; readonly call: number; readonly netnsPath: string }
  /** Forgets what the kernel knows of UDP clients of these host ports, whose target has changed. */
  | { readonly type: 'forget-udp'; readonly ports: readonly number[] }
  /** What it carries, and what is needed to ask the kernel about what that carries where containers are reachable. */
  | { readonly type: 'count'; readonly call: number }
  | { readonly type: 'stop' }
export type FromProxy =
  | { readonly type: 'closed'; readonly call: number }
  | { readonly type: 'dns-opened'; readonly call: number; readonly sockets: DnsSockets | null; readonly error: string }
  | {
      readonly type: 'counted'
      readonly call: number
      readonly counts: ReadonlyMap<string, ProxyCount>
      /** A netfilter socket of that namespace; below zero where the kernel has none. */
      readonly tableFd: number
      /** Its `/proc/net/dev`. */
      readonly devices: string
    }
  /** An nft table was deleted in the namespace of the bridges, by whomever; `''`: one may have been. */
  | { readonly type: 'table-deleted'; readonly table: string }
  /** Somebody has changed the rules of another firewall there. */
  | { readonly type: 'firewall-changed' }
  /** Interfaces went there, or are ports of a bridge no more; `''`: some may have. */
  | { readonly type: 'links-gone'; readonly names: readonly string[] }
/** Told to the thread when it starts. `wakeFd` is an eventfd: messages wait while the thread waits for the kernel. */
export interface ProxyWorkerData {
  readonly role: 'port-proxy'
  readonly netnsPath: string
  readonly wakeFd: number
}
