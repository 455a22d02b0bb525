import type { ServiceContext } from '../context.ts'
import { rewriteHosts } from './hosts.ts'

/** After a container came to networks or left them: makes names true again, in hosts files and in DNS. */
export async function refreshNames(context: ServiceContext, _networks: readonly string[], id: string): Promise<void> {
  await rewriteHosts(context, id)
}

/** Makes the devices of every network, after a start of the engine or of a keeper. One that fails does not stop the rest. */
export async function ensureNetworks(context: ServiceContext): Promise<void> {
  for (const record of context.networks.list()) {
    await context.network.ensure(record).catch((error: unknown) => {
      if (record.name === 'bridge') throw error
      context.log.error({ network: record.name, error: String(error) }, 'network could not be made')
    })
  }
}
