import type { MeasureTrafficParams, TrafficCounters } from '../../../host/inspection.ts'
import { parseNetDev } from '../../containers/shim/cgroup.ts'
import type { PortProxy } from '../proxy/client.ts'
import { hexOf } from './connections.ts'
import type { PortCounters } from './port-counters.ts'

/** Counters of published ports, whoever carries their bytes, and of bridges. */
export async function measureTraffic(
  { proxy, counters }: { readonly proxy: PortProxy; readonly counters: PortCounters },
  { containers, interfaces }: MeasureTrafficParams,
): Promise<TrafficCounters> {
  const { counts, tableFd, devices } = await proxy.count()
  const led = await counters.read(tableFd)
  const wanted = new Set(interfaces)
  const sum = (bytes: ReadonlyMap<string, number>, addresses: readonly string[]) =>
    addresses.reduce((total, address) => total + (bytes.get(hexOf(address)) ?? 0), 0)
  return {
    published: !led
      ? null
      : containers.map(({ containerId, addresses }) => ({
          containerId,
          received: (counts.get(containerId)?.received ?? 0) + sum(led.received, addresses),
          sent: (counts.get(containerId)?.sent ?? 0) + sum(led.sent, addresses),
        })),
    interfaces: parseNetDev(devices).interfaces.filter(({ name }) => wanted.has(name)),
  }
}
