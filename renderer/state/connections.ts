import { create } from 'zustand'
import type { ConnectionSample } from '../../engine/contract/network.ts'
import { api } from '../api/client.ts'
import { followWhileSeen } from './follow.ts'

/** Connections of every running container now, by its id. */
export const useConnections = create<{ readonly now: ReadonlyMap<string, ConnectionSample> }>(() => ({
  now: new Map(),
}))

/** Counts for as long as somebody looks; returns the way to stop. */
export const followConnections = (): (() => void) =>
  followWhileSeen(
    () => api.network.connections({}),
    (samples) => useConnections.setState({ now: new Map(samples.map((sample) => [sample.id, sample])) }),
  )
