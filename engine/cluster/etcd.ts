import type { Etcd3, ICompare, IRequestOp, IWatchResponse } from 'etcd3'
import type { KeyValue } from './snapshot.ts'

const CALL_MS = 3000
/** etcd takes pings more often than each 5 s for an attack. */
const PING_MS = 6000

/** A condition on one key, or on all keys that begin with one. */
export type Condition =
  | { readonly key: string; readonly is: 'absent' | 'present' }
  | { readonly key: string; readonly revision: string }
  | { readonly prefix: string; readonly is: 'absent' }

/** A change within a transaction. */
export type Change =
  | { readonly put: string; readonly value: string; readonly lease?: string }
  | { readonly delete: string }

/** A change of one key that was watched. */
export type WatchedChange = { readonly put: KeyValue } | { readonly delete: string }

/** The few calls that we make of etcd. Each fails with etcd's own error, after three seconds at most. */
export interface Store {
  /** Every key that begins with a prefix, at one revision. */
  read(prefix: string): Promise<{ readonly revision: string; readonly all: readonly KeyValue[] }>
  /** Makes all changes if all conditions hold; answers with the revision, or null. */
  change(conditions: readonly Condition[], changes: readonly Change[]): Promise<string | null>
  grantLease(seconds: number): Promise<string>
  revokeLease(id: string): Promise<void>
  /** Tells of every change after a revision until the connection breaks, which is an error, or the signal comes. */
  follow(
    from: { readonly prefix: string; readonly revision: string },
    onChanges: (changes: readonly WatchedChange[]) => void,
    signal: AbortSignal,
  ): Promise<void>
  close(): void
}

/** Opens the client library on etcd's addresses; it connects with the first call. */
export async function openStore(hosts: readonly string[]): Promise<Store> {
  // Loaded by those alone who have a cluster: it takes a third of a second.
  const [{ Etcd3, Range }, { noop }] = await Promise.all([import('etcd3'), import('cockatiel')])
  const client: Etcd3 = new Etcd3({
    hosts: [...hosts],
    // A call is tried once: who called knows whether it may be tried again.
    faultHandling: { host: () => noop, global: noop },
    defaultCallOptions: ({ isStream }) => (isStream ? {} : { deadline: Date.now() + CALL_MS }),
    grpcOptions: { 'grpc.keepalive_time_ms': PING_MS, 'grpc.keepalive_timeout_ms': CALL_MS },
  })
  const end = (prefix: string) => Range.prefix(prefix).end
  return {
    async read(prefix) {
      const { header, kvs } = await client.kv.range({ key: Buffer.from(prefix), range_end: Buffer.from(end(prefix)) })
      return { revision: header.revision, all: kvs.map(toKeyValue) }
    },
    async change(conditions, changes) {
      const compare = conditions.map((condition) => toCompare(condition, end))
      const { succeeded, header } = await client.kv.txn({ compare, success: changes.map(toRequest) })
      return succeeded ? header.revision : null
    },
    grantLease: async (seconds) => (await client.leaseClient.leaseGrant({ TTL: seconds })).ID,
    revokeLease: async (id) => void (await client.leaseClient.leaseRevoke({ ID: id })),
    follow: ({ prefix, revision }, onChanges, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return resolve()
        const next = (BigInt(revision) + 1n).toString()
        const watcher = client.watch().prefix(prefix).startRevision(next).watcher()
        const leave = (error?: Error) => {
          signal.removeEventListener('abort', stop)
          // The library would go on from where it was, on a store that may have lost what it had.
          void watcher.cancel().catch(() => {})
          if (error) reject(error)
          else resolve()
        }
        const stop = () => leave()
        signal.addEventListener('abort', stop, { once: true })
        watcher.on('disconnected', (error) => leave(error))
        watcher.on('error', (error) => leave(error))
        watcher.on('end', () => {})
        watcher.on('data', (response: IWatchResponse) => onChanges(response.events.map(toChange)))
      }),
    close: () => client.close(),
  }
}

const toKeyValue = ({ key, value, mod_revision }: { key: Buffer; value: Buffer; mod_revision: string }): KeyValue => ({
  key: key.toString(),
  value: value.toString(),
  revision: mod_revision,
})

const toChange = ({ type, kv }: IWatchResponse['events'][number]): WatchedChange =>
  String(type) === 'Delete' || String(type) === 'DELETE' ? { delete: kv.key.toString() } : { put: toKeyValue(kv) }

function toCompare(condition: Condition, end: (prefix: string) => Buffer | string): ICompare {
  if ('prefix' in condition)
    return {
      key: Buffer.from(condition.prefix),
      // The library's types know no ranges here; etcd and the library's protocol do.
      ...{ range_end: Buffer.from(end(condition.prefix)) },
      target: 'Create',
      result: 'Equal',
      create_revision: 0,
    }
  const key = Buffer.from(condition.key)
  if ('revision' in condition) return { key, target: 'Mod', result: 'Equal', mod_revision: condition.revision }
  return { key, target: 'Create', result: condition.is === 'absent' ? 'Equal' : 'NotEqual', create_revision: 0 }
}

function toRequest(change: Change): IRequestOp {
  if ('delete' in change) return { request_delete_range: { key: Buffer.from(change.delete) } }
  return {
    request_put: {
      key: Buffer.from(change.put),
      value: Buffer.from(change.value),
      ...(change.lease ? { lease: change.lease } : {}),
    },
  }
}
