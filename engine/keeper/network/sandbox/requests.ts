import ipaddr from 'ipaddr.js'
import { EngineError } from '../../../contract/errors.ts'
import type { SandboxEndpoint } from '../../../host/network.ts'
import { AF_INET, AF_INET6, familyOf } from '../../libc/address.ts'
import { attribute, nested, numberAttribute, textAttribute } from '../../libc/attributes.ts'
import {
  IFLA_ADDRESS,
  IFLA_GROUP,
  IFLA_IFNAME,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MASTER,
  type RouteRequest,
} from '../../libc/rtnetlink.ts'

/*
 * Bridges, and what joins a container to a network, as rtnetlink requests. The same by hand:
 *
 *   ip link add BRIDGE group 20761 address A type bridge                          bridgeRequest, where bridges are
 *   ip link set BRIDGE mtu M                                                      sizeRequest
 *   ip link set BRIDGE up                                                         upRequest
 *   ip addr add 172.17.0.1/16 dev BRIDGE                                          addressRequest
 *
 *   ip link add vethX mtu M type veth peer name eth0 address A mtu M netns N      linkRequests, where the bridge is
 *   ip link set vethX master BRIDGE up
 *   ip link set vethX type bridge_slave hairpin on isolated on
 *   bridge fdb replace A dev vethX master static                                  portAddressRequest
 *   ip link set eth0 up                                                           upRequest, inside
 *   ip addr add 172.17.0.2/24 dev eth0                                            addressRequest, inside
 *   ip route replace default via 172.17.0.1                                       routeRequest, inside
 *
 * Numbers are those of linux/rtnetlink.h, if_link.h, if_addr.h and veth.h.
 */
const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_NEWADDR = 20
const RTM_NEWROUTE = 24
const RTM_NEWNEIGH = 28
const AF_BRIDGE = 7
const NUD_NOARP = 0x40
const NTF_MASTER = 4
const NDA_LLADDR = 2
const NLM_F_REPLACE = 0x100
const NLM_F_EXCL = 0x200
const NLM_F_CREATE = 0x400
const IFF_UP = 1
const IFLA_MTU = 4
const IFLA_LINK = 5
const IFLA_NET_NS_FD = 28
const IFLA_INFO_DATA = 2
const IFLA_INFO_SLAVE_KIND = 4
const IFLA_INFO_SLAVE_DATA = 5
const VETH_INFO_PEER = 1
const IFLA_BRPORT_MODE = 4
const IFLA_BRPORT_ISOLATED = 33
const IFLA_CHILD_MODE = 1
const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_FLAGS = 8
const IFA_F_NODAD = 2
const RTA_OIF = 4
const RTA_GATEWAY = 5
const RT_TABLE_MAIN = 254
const RTPROT_BOOT = 3
const RT_SCOPE_UNIVERSE = 0
const RT_SCOPE_LINK = 253
const RTN_UNICAST = 1

const MACVLAN_MODES: Readonly<Record<string, number>> = { private: 1, vepa: 2, bridge: 4, passthru: 8 }
const IPVLAN_MODES: Readonly<Record<string, number>> = { l2: 0, l3: 1, l3s: 2 }

/**
 * A bridge with a MAC address of its own: one that the kernel chooses is that of some port and changes as containers
 * come and go, and those that stay lose their gateway until they ask for it anew.
 */
export const bridgeRequest = (name: string, { mac, group }: { readonly mac: string; readonly group: number }) =>
  newLink(`add bridge ${name}`, linkMessage(), [
    textAttribute(IFLA_IFNAME, name),
    numberAttribute(IFLA_GROUP, group),
    attribute(IFLA_ADDRESS, hardwareAddress(mac)),
    nested(IFLA_LINKINFO, textAttribute(IFLA_INFO_KIND, 'bridge')),
  ])

/** Gives a bridge an MTU of its own: one that was never given one takes that of its ports. */
export const sizeRequest = (name: string, mtu: number): RouteRequest =>
  changeLink(`set the MTU of ${name} to ${mtu}`, linkMessage(), [
    textAttribute(IFLA_IFNAME, name),
    numberAttribute(IFLA_MTU, mtu),
  ])

/** Gives an interface a MAC address for good, also when it has it already by the kernel's choice. */
export const hardwareAddressRequest = (name: string, address: Buffer): RouteRequest =>
  changeLink(`set the address of ${name}`, linkMessage(), [
    textAttribute(IFLA_IFNAME, name),
    attribute(IFLA_ADDRESS, address),
  ])

/** A new link whose end lies straight in the container's namespace; of a veth pair also how the bridge treats its port. */
export function linkRequests(
  endpoint: SandboxEndpoint,
  { linkIndex, netnsFd }: { readonly linkIndex: number; readonly netnsFd: number },
): RouteRequest[] {
  const { kind, link, mtu, hostInterface, containerInterface } = endpoint
  const size = mtu > 0 ? [numberAttribute(IFLA_MTU, mtu)] : []
  const inside = [textAttribute(IFLA_IFNAME, containerInterface), ...size, numberAttribute(IFLA_NET_NS_FD, netnsFd)]
  if (kind !== 'bridge')
    return [
      newLink(`add ${kind} ${containerInterface} on ${link}`, linkMessage(), [
        ...inside,
        // An ipvlan has its parent's address and cannot have another.
        ...(kind === 'macvlan' ? [attribute(IFLA_ADDRESS, hardwareAddress(endpoint.macAddress))] : []),
        numberAttribute(IFLA_LINK, linkIndex),
        nested(IFLA_LINKINFO, textAttribute(IFLA_INFO_KIND, kind), nested(IFLA_INFO_DATA, childMode(endpoint))),
      ]),
    ]
  const peer = Buffer.concat([linkMessage(), ...inside, attribute(IFLA_ADDRESS, hardwareAddress(endpoint.macAddress))])
  return [
    newLink(`add ${hostInterface} to ${link}`, linkMessage({ isUp: true }), [
      textAttribute(IFLA_IFNAME, hostInterface),
      ...size,
      numberAttribute(IFLA_MASTER, linkIndex),
      nested(
        IFLA_LINKINFO,
        textAttribute(IFLA_INFO_KIND, 'veth'),
        nested(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, peer)),
      ),
    ]),
    portRequest(endpoint),
  ]
}

/** Makes an interface a port of a bridge again. */
export const masterRequest = ({ hostInterface, link }: SandboxEndpoint, linkIndex: number): RouteRequest =>
  changeLink(`add ${hostInterface} to ${link}`, linkMessage({ isUp: true }), [
    textAttribute(IFLA_IFNAME, hostInterface),
    numberAttribute(IFLA_MASTER, linkIndex),
  ])

/** How a bridge treats a container's port. */
export const portRequest = ({ hostInterface, isIsolated }: SandboxEndpoint): RouteRequest =>
  changeLink(`set the port ${hostInterface}`, linkMessage(), [
    textAttribute(IFLA_IFNAME, hostInterface),
    nested(
      IFLA_LINKINFO,
      textAttribute(IFLA_INFO_SLAVE_KIND, 'bridge'),
      nested(
        IFLA_INFO_SLAVE_DATA,
        // A container may reach itself through the address of its host, which sends frames back where they came from.
        numberAttribute(IFLA_BRPORT_MODE, 1, 1),
        ...(isIsolated ? [numberAttribute(IFLA_BRPORT_ISOLATED, 1, 1)] : []),
      ),
    ),
  ])

/**
 * Tells a bridge whose address is behind a port. It would learn it with the first frame, and until then send what is for a
 * container that has moved here from another host to where that was.
 */
export function portAddressRequest(hostInterface: string, interfaceIndex: number, mac: string): RouteRequest {
  const message = Buffer.alloc(12)
  message.writeUInt8(AF_BRIDGE, 0)
  message.writeInt32LE(interfaceIndex, 4)
  message.writeUInt16LE(NUD_NOARP, 8)
  message.writeUInt8(NTF_MASTER, 10)
  return {
    what: `lead ${mac} to the port ${hostInterface}`,
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    body: Buffer.concat([message, attribute(NDA_LLADDR, hardwareAddress(mac))]),
  }
}

/** Sets an interface up. */
export const upRequest = (name: string): RouteRequest =>
  changeLink(`set ${name} up`, linkMessage({ isUp: true }), [textAttribute(IFLA_IFNAME, name)])

/** Takes an interface away, and the other end of a pair with it. */
export const deleteRequest = (name: string): RouteRequest => ({
  what: `delete ${name}`,
  type: RTM_DELLINK,
  flags: 0,
  body: Buffer.concat([linkMessage(), textAttribute(IFLA_IFNAME, name)]),
})

/** Gives an interface an address with its prefix. Ours are known to be free, so none is probed for. */
export function addressRequest(address: string, interfaceIndex: number): RouteRequest {
  const [ip = '', prefix = ''] = address.split('/')
  const message = Buffer.alloc(8)
  const family = familyOf(ip)
  message.writeUInt8(family, 0)
  message.writeUInt8(Number(prefix), 1)
  message.writeUInt32LE(interfaceIndex, 4)
  const bytes = addressBytes(ip)
  return {
    what: `add address ${address}`,
    type: RTM_NEWADDR,
    flags: NLM_F_CREATE | NLM_F_EXCL,
    body: Buffer.concat([
      message,
      attribute(IFA_LOCAL, bytes),
      attribute(IFA_ADDRESS, bytes),
      ...(family === AF_INET6 ? [numberAttribute(IFA_FLAGS, IFA_F_NODAD)] : []),
    ]),
  }
}

/** The interface that a route names; `''` when it goes by a gateway. */
export const routeDevice = (route: string): string => /^default dev (\S+)$/.exec(route)?.[1] ?? ''

/** Sets a default route: `default via ADDRESS`, or `default dev NAME` with the number of that interface. */
export function routeRequest(route: string, interfaceIndex = 0): RouteRequest {
  const gateway = /^default via (\S+)$/.exec(route)?.[1]
  if (gateway === undefined && routeDevice(route) === '')
    throw new EngineError('invalidArgument', 'route.invalid', `cannot read the route ${JSON.stringify(route)}`)
  const message = Buffer.alloc(12)
  message.writeUInt8(gateway === undefined ? AF_INET : familyOf(gateway), 0)
  message.writeUInt8(RT_TABLE_MAIN, 4)
  message.writeUInt8(RTPROT_BOOT, 5)
  message.writeUInt8(gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE, 6)
  message.writeUInt8(RTN_UNICAST, 7)
  const way =
    gateway === undefined ? numberAttribute(RTA_OIF, interfaceIndex) : attribute(RTA_GATEWAY, addressBytes(gateway))
  return {
    what: `set route ${route}`,
    type: RTM_NEWROUTE,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    body: Buffer.concat([message, way]),
  }
}

/** ifinfomsg; the interface is named by an attribute. */
function linkMessage({ isUp = false } = {}): Buffer {
  const message = Buffer.alloc(16)
  if (isUp) {
    message.writeUInt32LE(IFF_UP, 8)
    message.writeUInt32LE(IFF_UP, 12)
  }
  return message
}

const newLink = (what: string, message: Buffer, attributes: readonly Buffer[]): RouteRequest => ({
  what,
  type: RTM_NEWLINK,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  body: Buffer.concat([message, ...attributes]),
})

const changeLink = (what: string, message: Buffer, attributes: readonly Buffer[]): RouteRequest => ({
  what,
  type: RTM_NEWLINK,
  flags: 0,
  body: Buffer.concat([message, ...attributes]),
})

function childMode({ kind, mode }: SandboxEndpoint): Buffer {
  const number = (kind === 'macvlan' ? MACVLAN_MODES : IPVLAN_MODES)[mode]
  if (number === undefined)
    throw new EngineError('invalidArgument', 'network.invalid-option', `${kind} has no mode ${JSON.stringify(mode)}`)
  return numberAttribute(IFLA_CHILD_MODE, number, kind === 'macvlan' ? 4 : 2)
}

const hardwareAddress = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex')
const addressBytes = (text: string): Buffer => Buffer.from(ipaddr.parse(text).toByteArray())
