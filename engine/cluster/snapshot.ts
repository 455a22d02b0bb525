import type { ClusterEndpoint, ClusterHost, ClusterNetwork, Entry } from './layout.ts'
import { hostKey, networkKey, parseEntry } from './layout.ts'

/** A key of the store as it came. */
export interface KeyValue {
  readonly key: string
  readonly value: string
  /** Revision of its last change, as decimal text: it may exceed what a number holds. */
  readonly revision: string
}

interface Kept {
  readonly entry: Entry
  readonly revision: string
}

/** Who holds a key, and since which revision. */
export interface Holding {
  readonly key: string
  readonly host: string
  readonly container: string
  readonly network: string
  readonly revision: string
}

/** A container of another host that can be reached. */
export interface RemoteEndpoint extends ClusterEndpoint {
  readonly container: string
  /** Where packets for it go. */
  readonly hostAddress: string
  readonly hostName: string
}

/** What the store holds as far as it can be understood; told of each change. What cannot is left out and named to `onBad`. */
export function createSnapshot(onBad: (key: string, error: unknown) => void) {
  const entries = new Map<string, Kept>()
  const all = <K extends Entry['kind']>(kind: K) =>
    [...entries.values()].flatMap(({ entry }) => (entry.kind === kind ? [entry as Extract<Entry, { kind: K }>] : []))
  return {
    /** Takes a key in; answers with the networks that this is about (`'*'`: all of them). */
    put({ key, value, revision }: KeyValue): string[] {
      const before = entries.get(key)
      try {
        const entry = parseEntry(key, value)
        entries.set(key, { entry, revision })
        if (before && JSON.stringify(before.entry) === JSON.stringify(entry)) return []
        return concerns(entry)
      } catch (error) {
        onBad(key, error)
        return this.delete(key)
      }
    },
    delete(key: string): string[] {
      const before = entries.get(key)
      entries.delete(key)
      return before ? concerns(before.entry) : []
    },
    /** Everything anew. */
    replace(all: readonly KeyValue[]): string[] {
      const present = new Set(all.map(({ key }) => key))
      const gone = [...entries.keys()].filter((key) => !present.has(key)).flatMap((key) => this.delete(key))
      return [...gone, ...all.flatMap((one) => this.put(one))]
    },
    networks: (): ClusterNetwork[] => all('network').map(({ value }) => value),
    network(id: string): ClusterNetwork | undefined {
      const found = entries.get(networkKey(id))?.entry
      return found?.kind === 'network' ? found.value : undefined
    },
    host(id: string): ClusterHost | undefined {
      const found = entries.get(hostKey(id))?.entry
      return found?.kind === 'host' ? found.value : undefined
    },
    hosts: (): { id: string; value: ClusterHost }[] => all('host').map(({ host, value }) => ({ id: host, value })),
    encryptionKey: (): string => all('encryption')[0]?.value ?? '',
    revisionOf: (key: string): string => entries.get(key)?.revision ?? '0',
    /** Addresses of a network that somebody has, but for one container of one host. */
    addresses: (network: string, except: { readonly host: string; readonly container: string }): string[] =>
      all('address').flatMap(({ network: of, address, value }) =>
        of !== network || (value.host === except.host && value.container === except.container) ? [] : [address],
      ),
    /** Addresses and endpoints that a host has, by key. */
    holdings(host: string): Holding[] {
      return [...entries].flatMap(([key, { entry, revision }]) => {
        if (entry.kind !== 'address' && entry.kind !== 'endpoint') return []
        const container = entry.kind === 'address' ? entry.value.container : entry.container
        return entry.value.host === host ? [{ key, host, container, network: entry.network, revision }] : []
      })
    },
    /** Containers of other hosts on a network. What claims our own address, or an address that is not its own, is none. */
    remotes(network: string, own: { readonly host: string; readonly address: string }): RemoteEndpoint[] {
      const held = new Map(
        all('address')
          .filter((entry) => entry.network === network)
          .map((entry) => [entry.address, entry.value]),
      )
      return all('endpoint').flatMap(({ network: of, container, value }) => {
        const host = this.host(value.host)
        if (of !== network || value.host === own.host || !host || host.address === own.address) return []
        const addresses = [value.ipv4, value.ipv6].filter(Boolean)
        const isHolder = (address: string) =>
          held.get(address)?.host === value.host && held.get(address)?.container === container
        if (addresses.length === 0 || !addresses.every(isHolder)) return []
        return [{ ...value, container, hostAddress: host.address, hostName: host.name }]
      })
    },
  }
}
export type Snapshot = ReturnType<typeof createSnapshot>

/** A host concerns every network, since any may have endpoints of it. */
function concerns(entry: Entry): string[] {
  switch (entry.kind) {
    case 'guard':
      return []
    case 'host':
    case 'encryption':
      return ['*']
    case 'network':
    case 'address':
    case 'endpoint':
      return [entry.network]
  }
}
