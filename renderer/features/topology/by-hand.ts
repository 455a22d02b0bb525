import type { ContainerDetail } from '../../../engine/contract/container.ts'
import type { EndpointDetail, NetworkSummary } from '../../../engine/contract/network.ts'
import type { SystemInfo } from '../../../engine/contract/system.ts'
import { atBridges, type Command, inside, type Mode, vethOf, vxlanOf } from './commands.ts'
import { hostAddressOf, isBridged, isEverywhere, isPublished } from './edges.ts'

/*
 * How one would build by hand what the engine builds, where it is not there yet. `test/integration/network/by-hand.test.ts`
 * types these lines.
 */

const MTU = 'com.docker.network.driver.mtu'
const MASQUERADE = 'com.docker.network.bridge.enable_ip_masquerade'
const OPEN_WITHIN = 'com.docker.network.bridge.enable_icc'
const VNI = 'com.docker.network.driver.overlay.vxlanid_list'
/** Of what VXLAN puts around a frame. */
const VXLAN_BYTES = 50
type Cluster = Pick<SystemInfo, 'cluster'>

/** A network, before anybody is on it. */
export function buildNetwork(network: NetworkSummary, mode: Mode & Cluster): readonly Command[] {
  switch (network.driver) {
    case 'bridge':
      return [...buildBridge(network, mode, network.options[MTU] ?? ''), ...leadOut(network, mode)]
    case 'overlay':
      return [
        ...buildBridge(network, mode, overlayMtu(network)),
        ...buildTunnel(network, mode),
        ...leadOut(network, mode),
      ]
    case 'macvlan':
    case 'ipvlan':
      return buildParent(network, mode)
    default:
      return []
  }
}

function buildBridge(network: NetworkSummary, mode: Mode, mtu: string): Command[] {
  const { interface: bridge, subnet, ipv6Gateway, ipv6Subnet } = network
  if (!bridge) return []
  const at = atBridges(mode)
  const gateway = hostAddressOf(network)
  const address = (of: string, within: string) => `${at}ip address add ${of}/${within.split('/')[1]} dev ${bridge}`
  const addresses = [
    ...(gateway ? [address(gateway, subnet)] : []),
    ...(ipv6Gateway ? [`${address(ipv6Gateway, ipv6Subnet)} nodad`] : []),
  ]
  return [
    { note: 'add', line: `${at}ip link add name ${bridge} type bridge` },
    ...(mtu ? [{ note: 'mtu' as const, line: `${at}ip link set ${bridge} mtu ${mtu}` }] : []),
    ...(addresses.length > 0 ? [{ note: 'address' as const, line: addresses.join('\n') }] : []),
    { note: 'up', line: `${at}ip link set ${bridge} up` },
  ]
}

/** Out of this machine, by its own address. */
function leadOut(
  { interface: bridge, subnet, ipv6Subnet, isInternal, options }: NetworkSummary,
  mode: Mode,
): Command[] {
  if (!bridge || isInternal) return []
  const at = atBridges(mode)
  const rule = (family: string, from: string) =>
    `${at}nft add rule ${family} by-hand out ${family} saddr ${from} oifname != ${bridge} masquerade`
  const isHidden = !/^(0|f|false)$/i.test(options[MASQUERADE] ?? '')
  return [
    { note: 'forward', line: `${at}sysctl -w net.ipv4.ip_forward=1` },
    ...(ipv6Subnet ? [{ note: 'forward' as const, line: `${at}sysctl -w net.ipv6.conf.all.forwarding=1` }] : []),
    ...(subnet && isHidden
      ? [{ note: 'masquerade' as const, line: [...outChain('ip', at), rule('ip', subnet)].join('\n') }]
      : []),
    ...(ipv6Subnet && isHidden
      ? [{ note: 'masquerade' as const, line: [...outChain('ip6', at), rule('ip6', ipv6Subnet)].join('\n') }]
      : []),
  ]
}

const outChain = (family: string, at: string): string[] => [
  `${at}nft add table ${family} by-hand`,
  `${at}nft add chain ${family} by-hand out '{ type nat hook postrouting priority srcnat; }'`,
]

const overlayMtu = ({ options }: NetworkSummary): string => String(Number(options[MTU] || 1500) - VXLAN_BYTES)

/** The tunnel to other hosts, as one more port of the bridge. What it does not know it asks all of them. */
function buildTunnel({ id, interface: bridge, options, peers }: NetworkSummary, mode: Mode & Cluster): Command[] {
  const at = atBridges(mode)
  const vxlan = vxlanOf(id)
  const { address } = mode.cluster
  if (!bridge || !address) return []
  const flood = peers.map((peer) => `${at}bridge fdb append 00:00:00:00:00:00 dev ${vxlan} dst ${peer.address}`)
  return [
    {
      note: 'tunnel',
      line: [
        `${at}ip link add ${vxlan} type vxlan id ${options[VNI]} local ${address} dstport 4789`,
        `${at}ip link set ${vxlan} master ${bridge} up`,
      ].join('\n'),
    },
    ...(flood.length > 0 ? [{ note: 'peers' as const, line: flood.join('\n') }] : []),
  ]
}

/** What macvlan and ipvlan stand on: a card, a VLAN of one, or without either a bridge that leads nowhere. */
function buildParent({ interface: parent, options }: NetworkSummary, mode: Mode): Command[] {
  const at = atBridges(mode)
  if (!parent) return []
  const up = `${at}ip link set ${parent} up`
  if (!options['parent']) return [{ note: 'closed', line: `${at}ip link add name ${parent} type bridge\n${up}` }]
  const [, card, tag] = /^(.+)\.(\d+)$/.exec(parent) ?? []
  if (card && tag)
    return [{ note: 'vlan', line: `${at}ip link add link ${card} name ${parent} type vlan id ${tag}\n${up}` }]
  return [{ note: 'up', line: up }]
}

/** How one would give a container its place on a network, and publish its ports. */
export function buildEndpoint(
  container: ContainerDetail,
  { endpoint, network }: { readonly endpoint: EndpointDetail; readonly network: NetworkSummary },
  mode: Mode,
): readonly Command[] {
  if (container.pid <= 0 || !network.interface || !(endpoint.ipAddress || endpoint.ipv6Address)) return []
  const isBridge = isBridged(network)
  return [
    ...(isBridge ? plugIn(container, { endpoint, network }, mode) : buildChild(container, { endpoint, network }, mode)),
    ...addressInside(container, { endpoint, network }, mode),
    ...(isBridge ? publish(container, { endpoint, network }, mode) : []),
  ]
}

interface Place {
  readonly endpoint: EndpointDetail
  readonly network: NetworkSummary
}

function plugIn({ id, pid }: ContainerDetail, { endpoint, network }: Place, mode: Mode): Command[] {
  const at = atBridges(mode)
  const { interface: name, macAddress } = endpoint
  const veth = vethOf(id, name)
  const isApart = /^(0|f|false)$/i.test(network.options[OPEN_WITHIN] ?? '')
  return [
    { note: 'cable', line: `${at}ip link add ${veth} type veth peer name ${name} address ${macAddress} netns ${pid}` },
    { note: 'plug', line: `${at}ip link set ${veth} master ${network.interface} up` },
    ...(isApart ? [{ note: 'apart' as const, line: `${at}bridge link set dev ${veth} isolated on` }] : []),
  ]
}

/** An interface of the container's own on the parent's cable. */
function buildChild({ pid }: ContainerDetail, { endpoint, network }: Place, mode: Mode): Command[] {
  const { driver, interface: parent, options } = network
  const kind =
    driver === 'ipvlan'
      ? `type ipvlan mode ${options['ipvlan_mode'] || 'l2'}`
      : `address ${endpoint.macAddress} type macvlan mode ${options['macvlan_mode'] || 'bridge'}`
  const line = `${atBridges(mode)}ip link add link ${parent} name ${endpoint.interface} netns ${pid} ${kind}`
  return [{ note: 'child', line }]
}

function addressInside({ pid }: ContainerDetail, { endpoint, network }: Place, mode: Mode): Command[] {
  const within = inside(pid, mode)
  const { interface: name, ipAddress, prefix, ipv6Address, ipv6Prefix, gateway, ipv6Gateway } = endpoint
  const isRouted = network.driver === 'ipvlan' && (network.options['ipvlan_mode'] || 'l2') !== 'l2'
  const routes = isRouted
    ? [`${within}ip route add default dev ${name}`]
    : [gateway, ipv6Gateway].filter(Boolean).map((via) => `${within}ip route add default via ${via}`)
  return [
    {
      note: 'inside',
      line: [
        ...(ipAddress ? [`${within}ip address add ${ipAddress}/${prefix} dev ${name}`] : []),
        ...(ipv6Address ? [`${within}ip address add ${ipv6Address}/${ipv6Prefix} dev ${name} nodad`] : []),
        `${within}ip link set ${name} up`,
      ].join('\n'),
    },
    ...(routes.length > 0 ? [{ note: 'default' as const, line: routes.join('\n') }] : []),
  ]
}

/** Ports by rules, as a rootful engine has them: for other machines, and for this one. Rootless it is a proxy that listens. */
function publish({ ports, networks }: ContainerDetail, { endpoint, network }: Place, mode: Mode): Command[] {
  const isFirst = networks[0]?.networkId === endpoint.networkId
  const published = ports.filter((port) => isPublished(port) && !port.hostIp.includes(':'))
  if (!isFirst || published.length === 0 || mode.mode === 'rootless' || !endpoint.ipAddress) return []
  const { interface: bridge } = network
  const rules = (chain: string) =>
    published.map((port) => {
      const { protocol, hostIp, hostPort, containerPort } = port
      const to = isEverywhere(port) ? 'fib daddr type local' : `ip daddr ${hostIp}`
      return `nft add rule ip by-hand ${chain} ${to} ${protocol} dport ${hostPort} dnat to ${endpoint.ipAddress}:${containerPort}`
    })
  return [
    {
      note: 'publish',
      line: [
        'nft add table ip by-hand',
        `nft add chain ip by-hand in '{ type nat hook prerouting priority dstnat; }'`,
        ...rules('in'),
      ].join('\n'),
    },
    {
      note: 'publishHere',
      line: [
        `nft add chain ip by-hand here '{ type nat hook output priority -100; }'`,
        ...rules('here'),
        `sysctl -w net.ipv4.conf.${bridge}.route_localnet=1`,
        ...outChain('ip', ''),
        `nft add rule ip by-hand out oifname ${bridge} ip saddr 127.0.0.0/8 masquerade`,
      ].join('\n'),
    },
  ]
}
