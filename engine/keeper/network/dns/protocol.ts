import type { DnsHost, ResolverParams } from '../../../host/network.ts'

/** Sockets at 127.0.0.11 in a container's namespace, by descriptor, and their ports. */
export interface DnsSockets {
  readonly udp: { readonly fd: number; readonly port: number }
  readonly tcp: { readonly fd: number; readonly port: number }
}
/** `sockets` come with a container's first view; the thread owns them from there on. */
export type ToDns =
  | { readonly type: 'view'; readonly params: ResolverParams; readonly sockets?: DnsSockets }
  | { readonly type: 'close'; readonly containerId: string }
  | { readonly type: 'zone'; readonly network: string; readonly hosts: readonly DnsHost[] }
