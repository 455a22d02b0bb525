import { create } from 'zustand'
import type { StatsSample } from '../../engine/contract/container.ts'
import { api } from '../api/client.ts'
import { followWhileSeen } from './follow.ts'

const KEPT_SAMPLES = 120

/** The last two minutes of samples of every running container, oldest first. */
export const useStats = create<{ readonly history: ReadonlyMap<string, readonly StatsSample[]> }>(() => ({
  history: new Map(),
}))

/** Measures for as long as somebody looks; returns the way to stop. */
export const followStats = (): (() => void) => followWhileSeen(() => api.container.stats({}), take)

function take(samples: readonly StatsSample[]): void {
  useStats.setState(({ history }) => ({
    history: new Map(
      samples.map((sample) => [sample.id, [...(history.get(sample.id) ?? []), sample].slice(-KEPT_SAMPLES)]),
    ),
  }))
}
