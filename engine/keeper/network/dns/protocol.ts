import type { DnsHost, ResolverParams } from '../../../host/network.ts'

export type ToDns =
  | { readonly type: 'open'; readonly call: number; readonly netnsPath: string; readonly params: ResolverParams }
  | { readonly type: 'close'; readonly containerId: string }
  | { readonly type: 'zone'; readonly network: string; readonly hosts: readonly DnsHost[] }
/** Ports at 127.0.0.11 in the container's namespace; `isNew`: they were just opened. Or why they could not be. */
export type FromDns =
  | { readonly call: number; readonly udpPort: number; readonly tcpPort: number; readonly isNew: boolean }
  | { readonly call: number; readonly error: string }
