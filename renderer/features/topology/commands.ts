import type { ContainerDetail } from '../../../engine/contract/container.ts'
import type { NetworkSummary } from '../../../engine/contract/network.ts'

/** Lines for a shell, each with what it does as a comment key of the dictionary below `topology.commands`. */
export interface Command {
  readonly line: string
  readonly note: 'bridge' | 'ports' | 'forwarding' | 'add' | 'address' | 'up' | 'interfaces' | 'routes' | 'names'
}

/** What shows a bridge network on this machine. In rootless mode it lies in a namespace of the engine's own. */
export function showNetwork({ interface: bridge, driver }: NetworkSummary): readonly Command[] {
  if (!bridge) return []
  return [
    { note: 'bridge', line: `ip -details address show dev ${bridge}` },
    ...(driver === 'bridge' ? [{ note: 'ports' as const, line: `bridge link show master ${bridge}` }] : []),
    { note: 'forwarding', line: `nft list ruleset | grep ${bridge}` },
  ]
}

/** How one would build the same by hand. */
export function buildNetwork({ interface: bridge, driver, gateway, subnet }: NetworkSummary): readonly Command[] {
  if (driver !== 'bridge' || !bridge || !gateway) return []
  return [
    { note: 'add', line: `ip link add name ${bridge} type bridge` },
    { note: 'address', line: `ip address add ${gateway}/${subnet.split('/')[1]} dev ${bridge}` },
    { note: 'up', line: `ip link set ${bridge} up` },
  ]
}

/** What shows a container's side of its networks. */
export function showContainer({ pid }: ContainerDetail): readonly Command[] {
  if (pid <= 0) return []
  return [
    { note: 'interfaces', line: `nsenter --target ${pid} --net ip -brief address` },
    { note: 'routes', line: `nsenter --target ${pid} --net ip route` },
    { note: 'names', line: `cat /proc/${pid}/root/etc/resolv.conf /proc/${pid}/root/etc/hosts` },
  ]
}
