import { vi } from 'vitest'
import { createLocks } from '../../../../engine/lib/async.ts'
import type { ServiceContext } from '../../../../engine/service/context.ts'
import type { ContainerRecord, NetworkRecord } from '../../../../engine/store/schema.ts'

/** A network of a store, with what these tests need of it. */
export const networkOf = (more: Partial<NetworkRecord> & Pick<NetworkRecord, 'name'>): NetworkRecord => ({
  version: 1,
  id: more.name.charCodeAt(0).toString(16).repeat(32),
  driver: 'bridge',
  createdAt: '',
  interface: `br-${more.name}`,
  ipv4: null,
  ipv6: null,
  isInternal: false,
  options: {},
  labels: {},
  ...more,
})

/** Records by a key of theirs. */
function records<T>(keyOf: (record: T) => string, all: readonly T[]) {
  const kept = new Map(all.map((one) => [keyOf(one), one]))
  return {
    get: (key: string) => kept.get(key),
    list: () => [...kept.values()],
    put: async (record: T) => void kept.set(keyOf(record), record),
    delete: async (key: string) => void kept.delete(key),
  }
}

/** A service's surroundings in memory. Devices are noted calls that succeed. */
export function createContext(
  have: { readonly networks?: readonly NetworkRecord[]; readonly containers?: readonly ContainerRecord[] } = {},
) {
  const call = () => vi.fn(async (..._: readonly unknown[]): Promise<unknown> => undefined)
  const network = { attach: call(), detach: call(), publish: call(), remove: call(), setZone: call(), setPeers: call() }
  const parts = {
    config: { mode: 'rootful' },
    networks: records<NetworkRecord>(({ name }) => name, have.networks ?? []),
    containers: records<ContainerRecord>(({ id }) => id, have.containers ?? []),
    network: {
      ...network,
      openResolver: call(),
      setEncryption: call(),
      routes: async () => [],
      interfaceOf: ({ id }: NetworkRecord) => `br-${id.slice(0, 12)}`,
    },
    networkSettings: { current: () => ({ hostAddress: '0.0.0.0' }) },
    hasIpv6: () => false,
    runtime: { writeNetworkFiles: call() },
    cluster: { isConfigured: false } as Record<string, unknown>,
    locks: createLocks(),
    starting: new Set<string>(),
    bus: { publish: vi.fn() },
    log: { info: vi.fn(), warn: vi.fn(), error: vi.fn() },
    now: () => new Date(0),
  }
  return { parts, context: parts as unknown as ServiceContext }
}
