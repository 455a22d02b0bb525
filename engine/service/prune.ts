import type { EngineEvent } from '../contract/system.ts'
import type { ServiceContext } from './context.ts'

/** Says that a prune is over and how many bytes it freed; what went has been said one by one. */
export function publishPrune(
  context: Pick<ServiceContext, 'bus'>,
  type: Extract<EngineEvent['type'], 'container' | 'image' | 'volume' | 'network' | 'builder'>,
  reclaimedBytes: number,
): void {
  context.bus.publish({ type, action: 'prune', id: '', attributes: { reclaimed: String(reclaimedBytes) } })
}
