import type { Cluster } from './cluster.ts'
import { notConfigured } from './errors.ts'

const refuse = () => Promise.reject(notConfigured())

/** An engine that is alone: it has no overlay networks, and says how it could. */
export const noCluster: Cluster = {
  isConfigured: false,
  describe: () => ({ store: [], address: '', isReachable: false, hosts: [] }),
  start: async () => {},
  isKnown: () => false,
  isWiped: () => false,
  networks: () => [],
  addresses: () => [],
  remotes: () => [],
  hosts: () => [],
  self: () => undefined,
  encryptionKey: () => '',
  addNetwork: refuse,
  removeNetwork: refuse,
  claim: refuse,
  release: async () => {},
  own: () => [],
  leave: async () => {},
  close: () => {},
}
