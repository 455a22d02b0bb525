import { EngineError } from '../contract/errors.ts'

/** etcd did not answer. */
export function unreachable(store: readonly string[], cause: unknown): EngineError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new EngineError(
    'unavailable',
    'cluster.unreachable',
    `the cluster store ${store.join(', ')} does not answer (${why}); overlay networks keep what they have, and change again once etcd is back`,
    { details: { store: store.join(', ') }, cause },
  )
}

/** This engine has no store. */
export const notConfigured = (): EngineError =>
  new EngineError(
    'unavailable',
    'cluster.not-configured',
    'overlay networks are shared through a cluster store, and this engine has none: start etcd and then the engine with --cluster-store http://ADDRESS:2379 (or SLIPWAY_CLUSTER_STORE, or cluster.json in its data folder)',
  )

/** The network went while something was made on it. */
export const noNetwork = (id: string): EngineError =>
  new EngineError('notFound', 'network.not-found', `network ${id.slice(0, 12)} not found: another host has removed it`)

/** Somebody is on the network. */
export const inUse = (name: string, left: readonly string[]): EngineError =>
  new EngineError(
    'forbidden',
    'network.in-use',
    `error while removing network: network ${name} has active endpoints in the cluster (${left.join(', ')})`,
    { details: { network: name, containers: left.join(', ') } },
  )
