import type { StatsSample } from '../../../engine/contract/container.ts'
import type { TrafficSample } from '../../../engine/contract/network.ts'
import type { Traffic } from '../../state/traffic.ts'
import type { GraphEdge } from './edges.ts'

/** Bytes per second, as what is at the end of the edge sees it. */
export interface Rate {
  readonly received: number
  readonly sent: number
}

/** What is measured now. */
export interface Live {
  readonly history: ReadonlyMap<string, readonly StatsSample[]>
  readonly traffic: Traffic
}

/** The rate of an edge, the sum of all that it stands for; nothing where none of that was measured twice. */
export function measure({ measured, publishedBy, bridges }: GraphEdge, { history, traffic }: Live): Rate | null {
  return sum([
    ...measured.map((one) => rateOf(history.get(one.containerId), one.interface)),
    ...publishedBy.map((id) => rateBetween(traffic, (sample) => publishedOf(sample, id)?.bytes)),
    ...bridges.map((id) => rateBetween(traffic, (sample) => sample.bridges.find(({ networkId }) => networkId === id))),
  ])
}

/** Connections of an edge: of the interfaces at its end, and through the published ports that it stands for. */
export function countConnections({ measured, publishedBy }: GraphEdge, { now }: Traffic): number {
  if (!now) return 0
  const own = measured.map(
    ({ containerId, interface: name }) =>
      now.containers.find(({ id }) => id === containerId)?.interfaces.find((one) => one.name === name)?.connections ??
      0,
  )
  const published = publishedBy.map((id) => publishedOf(now, id)?.connections ?? 0)
  return [...own, ...published].reduce((total, count) => total + count, 0)
}

const publishedOf = ({ containers }: TrafficSample, containerId: string) =>
  containers.find(({ id }) => id === containerId)?.published

/** Traffic of one interface of a container between the last two samples; nothing when it was measured once only. */
export function rateOf(samples: readonly StatsSample[] | undefined, name: string): Rate | null {
  const [before, now] = samples?.slice(-2) ?? []
  const bytesOf = (sample: StatsSample | undefined) => {
    const found = sample?.interfaces.find((one) => one.name === name)
    return found && { received: found.rxBytes, sent: found.txBytes }
  }
  return growth(bytesOf(before), bytesOf(now), (now?.time ?? 0) - (before?.time ?? 0))
}

function rateBetween(
  { before, now }: Traffic,
  bytesOf: (sample: TrafficSample) => Rate | null | undefined,
): Rate | null {
  return before && now ? growth(bytesOf(before), bytesOf(now), now.time - before.time) : null
}

/** Counters that began anew have grown by nothing that is known. */
function growth(first: Rate | null | undefined, last: Rate | null | undefined, milliseconds: number): Rate | null {
  if (!first || !last || milliseconds <= 0) return null
  const perSecond = (from: number, to: number) => Math.max(0, ((to - from) * 1000) / milliseconds)
  return { received: perSecond(first.received, last.received), sent: perSecond(first.sent, last.sent) }
}

function sum(rates: readonly (Rate | null)[]): Rate | null {
  return rates.reduce(
    (total, rate) =>
      total && rate ? { received: total.received + rate.received, sent: total.sent + rate.sent } : (total ?? rate),
    null,
  )
}
