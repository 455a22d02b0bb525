import type { ContainerDetail } from '../../../engine/contract/container.ts'
import type { NetworkSummary } from '../../../engine/contract/network.ts'
import type { SystemInfo } from '../../../engine/contract/system.ts'
import type { topology } from '../../i18n/en/topology.ts'

/** Lines for a shell, with what they do: a text of the dictionary below `topology.commands`. */
export interface Command {
  readonly line: string
  readonly note: keyof typeof topology.commands
}
export type Mode = Pick<SystemInfo, 'mode' | 'keeperPid' | 'innerNetns'>

/** What goes before a command where bridges are. Rootless, that is a namespace of the keeper's, behind its own user and mounts. */
export function atBridges({ mode, keeperPid, innerNetns }: Mode): string {
  return mode === 'rootful'
    ? ''
    : `nsenter --target ${keeperPid} --user --preserve-credentials --mount nsenter --net=${innerNetns} `
}

/** What goes before a command in a container's network. */
export const inside = (pid: number, { mode }: Mode) =>
  `nsenter --target ${pid} ${mode === 'rootful' ? '' : '--user --preserve-credentials '}--net `

/** The host's end of a container's veth pair, named by the number at the end of the interface's name. */
export const vethOf = (containerId: string, containerInterface: string): string =>
  `veth${containerId.slice(0, 8)}${Number(/\d+$/.exec(containerInterface)?.[0] ?? 0)}`

/** What shows this machine's own side: its addresses, its ways, and who listens. */
export function showHost(mode: Mode): readonly Command[] {
  return [
    { note: 'addresses', line: 'ip -brief address' },
    { note: 'routes', line: 'ip route' },
    { note: 'published', line: 'ss --listening --numeric --tcp --udp --processes' },
    { note: 'rules', line: `${atBridges(mode)}nft list ruleset` },
  ]
}

/** What shows a network on this machine. */
export function showNetwork({ id, interface: link, driver }: NetworkSummary, mode: Mode): readonly Command[] {
  if (!link) return []
  const at = atBridges(mode)
  if (driver === 'macvlan' || driver === 'ipvlan')
    return [{ note: 'parent', line: `${at}ip -details address show dev ${link}` }]
  const vxlan = vxlanOf(id)
  return [
    { note: 'bridge', line: `${at}ip -details address show dev ${link}` },
    { note: 'ports', line: `${at}bridge -details link show master ${link}` },
    ...(driver === 'overlay'
      ? [
          { note: 'tunnel' as const, line: `${at}ip -details link show dev ${vxlan}` },
          { note: 'peers' as const, line: `${at}bridge fdb show dev ${vxlan}` },
        ]
      : []),
    { note: 'forwarding', line: `${at}nft list ruleset | grep --context=2 ${link}` },
  ]
}

/** The tunnel of an overlay network. */
export const vxlanOf = (networkId: string): string => `vx-${networkId.slice(0, 12)}`

/** What shows a container's side of its networks. */
export function showContainer({ pid, networks }: ContainerDetail, mode: Mode): readonly Command[] {
  if (pid <= 0) return []
  const within = inside(pid, mode)
  const hasNames = networks.some(({ network }) => network !== 'bridge')
  return [
    { note: 'interfaces', line: `${within}ip -brief address` },
    { note: 'routes', line: `${within}ip route` },
    { note: 'listening', line: `${within}ss --listening --numeric --tcp --udp` },
    { note: 'names', line: showNames(pid, mode) },
    ...(hasNames ? [{ note: 'dns' as const, line: `${within}nft list table ip slipway-dns` }] : []),
  ]
}

/** Rootless, the root of a container's process is open to its own user namespace alone. */
function showNames(pid: number, { mode }: Mode): string {
  const files = ['resolv.conf', 'hosts'].map((name) => `/proc/${pid}/root/etc/${name}`).join(' ')
  return mode === 'rootful' ? `cat ${files}` : `nsenter --target ${pid} --user --preserve-credentials cat ${files}`
}
