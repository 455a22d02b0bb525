import { create } from 'zustand'
import type { StatsSample } from '../../engine/contract/container.ts'
import { api } from '../api/client.ts'

const KEPT_SAMPLES = 120

/** The last two minutes of samples of every running container, oldest first. */
export const useStats = create<{ readonly history: ReadonlyMap<string, readonly StatsSample[]> }>(() => ({
  history: new Map(),
}))

/** Measures for as long as somebody looks; returns the way to stop. Hidden windows cost nothing. */
export function followStats(): () => void {
  let stream: ReturnType<typeof api.container.stats> | undefined
  const run = async () => {
    const mine = api.container.stats({})
    stream = mine
    try {
      for await (const samples of mine) take(samples)
    } catch {
      // The engine went away; the next visit asks again.
    }
  }
  const look = () => {
    stream?.close()
    stream = undefined
    if (!document.hidden) void run()
  }
  document.addEventListener('visibilitychange', look)
  look()
  return () => {
    document.removeEventListener('visibilitychange', look)
    stream?.close()
  }
}

function take(samples: readonly StatsSample[]): void {
  useStats.setState(({ history }) => ({
    history: new Map(
      samples.map((sample) => [sample.id, [...(history.get(sample.id) ?? []), sample].slice(-KEPT_SAMPLES)]),
    ),
  }))
}
