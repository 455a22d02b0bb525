import type { ContainerDetail } from '../../../engine/contract/container.ts'
import type { EndpointDetail, NetworkSummary } from '../../../engine/contract/network.ts'
import type { SystemInfo } from '../../../engine/contract/system.ts'

/** Lines for a shell, each with what it does as a comment key of the dictionary below `topology.commands`. */
export interface Command {
  readonly line: string
  readonly note:
    | 'bridge'
    | 'ports'
    | 'forwarding'
    | 'add'
    | 'address'
    | 'up'
    | 'forward'
    | 'masquerade'
    | 'interfaces'
    | 'routes'
    | 'names'
    | 'dns'
    | 'listening'
    | 'cable'
    | 'plug'
    | 'inside'
    | 'default'
    | 'publish'
}
type Mode = Pick<SystemInfo, 'mode' | 'keeperPid' | 'innerNetns'>

/** What goes before a command where bridges are. Rootless, that is a namespace of the keeper's, behind its own user and mounts. */
export function atBridges({ mode, keeperPid, innerNetns }: Mode): string {
  return mode === 'rootful'
    ? ''
    : `nsenter --target ${keeperPid} --user --preserve-credentials --mount nsenter --net=${innerNetns} `
}

/** What goes before a command in a container's network. */
const inside = (pid: number, { mode }: Mode) =>
  `nsenter --target ${pid} ${mode === 'rootful' ? '' : '--user --preserve-credentials '}--net `

/** The host's end of a container's veth pair, named by the number at the end of the interface's name. */
export const vethOf = (containerId: string, containerInterface: string): string =>
  `veth${containerId.slice(0, 8)}${Number(/\d+$/.exec(containerInterface)?.[0] ?? 0)}`

/** What shows a network on this machine. */
export function showNetwork({ interface: link, driver }: NetworkSummary, mode: Mode): readonly Command[] {
  if (!link) return []
  const at = atBridges(mode)
  return [
    { note: 'bridge', line: `${at}ip -details address show dev ${link}` },
    ...(driver === 'bridge' ? [{ note: 'ports' as const, line: `${at}bridge -details link show | grep ${link}` }] : []),
    { note: 'forwarding', line: `${at}nft list ruleset | grep ${link}` },
  ]
}

/** How one would build the same by hand. */
export function buildNetwork(network: NetworkSummary, mode: Mode): readonly Command[] {
  const { interface: bridge, driver, gateway, subnet, isInternal } = network
  if (driver !== 'bridge' || !bridge || !gateway) return []
  const at = atBridges(mode)
  const commands: Command[] = [
    { note: 'add', line: `${at}ip link add name ${bridge} type bridge` },
    { note: 'address', line: `${at}ip address add ${gateway}/${subnet.split('/')[1]} dev ${bridge}` },
    { note: 'up', line: `${at}ip link set ${bridge} up` },
  ]
  if (isInternal) return commands
  const chain = `'{ type nat hook postrouting priority srcnat; }'`
  return [
    ...commands,
    { note: 'forward', line: `${at}sysctl -w net.ipv4.ip_forward=1` },
    {
      note: 'masquerade',
      line: [
        `${at}nft add table ip by-hand`,
        `${at}nft add chain ip by-hand out ${chain}`,
        `${at}nft add rule ip by-hand out ip saddr ${subnet} oifname != ${bridge} masquerade`,
      ].join('\n'),
    },
  ]
}

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

/** How one would plug a container into one of its bridges by hand, and publish its ports. */
export function buildEndpoint(
  { id, pid, ports, networks }: ContainerDetail,
  { endpoint, bridge }: { readonly endpoint: EndpointDetail; readonly bridge: string },
  mode: Mode,
): readonly Command[] {
  const { interface: name, ipAddress, prefix, gateway, macAddress } = endpoint
  if (pid <= 0 || !bridge || !ipAddress) return []
  const at = atBridges(mode)
  const within = inside(pid, mode)
  const veth = vethOf(id, name)
  const isFirst = networks[0]?.networkId === endpoint.networkId
  const published = isFirst ? ports.filter(({ hostPort, hostIp }) => hostPort > 0 && !hostIp.includes(':')) : []
  return [
    {
      note: 'cable',
      line: `${at}ip link add ${veth} type veth peer name ${name} address ${macAddress} netns ${pid}`,
    },
    { note: 'plug', line: `${at}ip link set ${veth} master ${bridge} up` },
    {
      note: 'inside',
      line: [`${within}ip address add ${ipAddress}/${prefix} dev ${name}`, `${within}ip link set ${name} up`].join(
        '\n',
      ),
    },
    ...(gateway ? [{ note: 'default' as const, line: `${within}ip route add default via ${gateway}` }] : []),
    ...(published.length > 0 && mode.mode === 'rootful'
      ? [{ note: 'publish' as const, line: publishByHand(published, ipAddress) }]
      : []),
  ]
}

function publishByHand(
  ports: readonly { readonly hostPort: number; readonly containerPort: number; readonly protocol: string }[],
  ipAddress: string,
): string {
  return [
    'nft add table ip by-hand',
    `nft add chain ip by-hand in '{ type nat hook prerouting priority dstnat; }'`,
    ...ports.map(
      ({ protocol, hostPort, containerPort }) =>
        `nft add rule ip by-hand in fib daddr type local ${protocol} dport ${hostPort} dnat to ${ipAddress}:${containerPort}`,
    ),
  ].join('\n')
}
