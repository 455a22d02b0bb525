import type { ServiceContext } from '../context.ts'
import { ensureOverlay } from './overlay.ts'

/** What the keeper says of a bridge that somebody took away, whole or in part, under running containers. */
interface Mended {
  readonly bridge: string
  readonly links: readonly string[]
  readonly error: string
}

/** Says that a network was mended while containers run on it. */
export async function noteMended(context: ServiceContext, { bridge, links, error }: Mended): Promise<void> {
  const network = context.networks.list().find(({ interface: device }) => device === bridge)
  if (error) context.log.warn({ network: network?.name, bridge, error }, 'a network could not be mended yet')
  if (!network || links.length === 0) return
  context.log.warn({ network: network.name, links }, 'interfaces that were taken away are there again')
  // Its tunnel was a port of the bridge too.
  if (network.driver === 'overlay' && links.includes(bridge)) await ensureOverlay(context, network)
  context.bus.publish({
    type: 'network',
    action: 'mended',
    id: network.id,
    attributes: { name: network.name, type: network.driver, interfaces: links.join(' ') },
  })
}
