import type { StatsSample } from '../../../engine/contract/container.ts'

/** Bytes per second, as the container sees it. */
export interface Rate {
  readonly received: number
  readonly sent: number
}

/** Traffic of one interface of a container between the last two samples; nothing when it was measured once only. */
export function rateOf(samples: readonly StatsSample[] | undefined, name: string): Rate | null {
  const [before, now] = samples?.slice(-2) ?? []
  const seconds = before && now ? (now.time - before.time) / 1000 : 0
  const first = before?.interfaces.find((one) => one.name === name)
  const last = now?.interfaces.find((one) => one.name === name)
  if (!first || !last || seconds <= 0) return null
  return {
    received: Math.max(0, (last.rxBytes - first.rxBytes) / seconds),
    sent: Math.max(0, (last.txBytes - first.txBytes) / seconds),
  }
}
