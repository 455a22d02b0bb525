import { create } from 'zustand'
import type { TrafficSample } from '../../engine/contract/network.ts'
import { api } from '../api/client.ts'
import { followWhileSeen } from './follow.ts'

/** The last two samples of what flows between containers and what is around them. */
export interface Traffic {
  readonly before: TrafficSample | null
  readonly now: TrafficSample | null
}
export const useTraffic = create<Traffic>(() => ({ before: null, now: null }))

/** Measures for as long as somebody looks; returns the way to stop. */
export function followTraffic(): () => void {
  useTraffic.setState({ before: null, now: null })
  return followWhileSeen(
    () => api.network.traffic({}),
    (now) => useTraffic.setState(({ now: before }) => ({ before, now })),
  )
}
