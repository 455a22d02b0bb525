import { writeFileSync } from 'node:fs'
import { EngineError } from '../../../contract/errors.ts'
import type { BridgeNetworkParams } from '../../../host/network.ts'
import { formatMac, randomMac } from '../../../lib/mac.ts'
import type { Link, RouteSocket } from '../../libc/rtnetlink.ts'
import { setIp6Switch } from './ip6-switch.ts'
import {
  addressRequest,
  bridgeRequest,
  deleteRequest,
  hardwareAddressRequest,
  sizeRequest,
  upRequest,
} from './requests.ts'

/** The group of interfaces of our making. The kernel sets it with the creation itself, so that none is ever unmarked. */
const GROUP = 0x5119

/** A bridge that is there: its address, and whether it is of our making. */
export interface BridgeMade {
  readonly mac: string
  readonly isOurs: boolean
}

/**
 * Makes a network's bridge, or takes up the one that is there. On failure none is left that was not there before. `mac` is
 * the address that a new one gets, so that containers find the gateway of before in one that is made again; `''`: any.
 */
export function ensureBridge(home: RouteSocket, params: BridgeNetworkParams, mac: string): BridgeMade {
  const { bridge } = params
  const found = findLink(home, bridge)
  if (found && found.kind !== 'bridge')
    throw new EngineError(
      'conflict',
      'network.not-a-bridge',
      `the interface ${bridge} is there already and is no bridge: give the network another bridge name`,
      { details: { interface: bridge } },
    )
  if (!found) home.request(bridgeRequest(bridge, { mac: mac || randomMac(), group: GROUP }))
  try {
    if (found) home.request(hardwareAddressRequest(bridge, found.address))
    // One of ours may have been left half-made by a keeper that was killed; another's is as its owner wants it.
    if (!found || isOurs(found)) setUp(home, params, found)
    setSwitches(params)
    const made = home.link(bridge)
    return { mac: formatMac(made.address), isOurs: isOurs(made) }
  } catch (error) {
    if (!found) home.request(deleteRequest(bridge))
    throw error
  }
}

/** Takes a bridge of our making away; one that was there before the network stays, and a missing one is fine. */
export function removeBridge(home: RouteSocket, name: string): void {
  const found = findLink(home, name)
  if (found && isOurs(found)) home.request(deleteRequest(name))
}

const isOurs = ({ group }: Link) => group === GROUP
const isReason = (error: unknown, reason: string) => EngineError.from(error).reason === reason

/** An interface, where it is there. */
export function findLink(home: RouteSocket, name: string): Link | undefined {
  try {
    return home.link(name)
  } catch (error) {
    if (isReason(error, 'libc.enodev')) return undefined
    throw error
  }
}

function setUp(home: RouteSocket, { bridge, mtu, addresses }: BridgeNetworkParams, found: Link | undefined): void {
  // First, since too small a one takes IPv6 and its switches away, and a larger one brings them back as they come.
  home.request(sizeRequest(bridge, mtu))
  // A container must not be able to advertise itself as this machine's router, nor reach it where it has no address.
  setIp6Switch(bridge, 'accept_ra', 0)
  setIp6Switch(bridge, 'disable_ipv6', addresses.some((address) => address.includes(':')) ? 0 : 1)
  home.request(upRequest(bridge))
  const { index } = found ?? home.link(bridge)
  for (const address of addresses) {
    try {
      home.request(addressRequest(address, index))
    } catch (error) {
      if (!found || !isReason(error, 'libc.eexist')) throw error
    }
  }
}

/** Forwarding, and published ports on loopback addresses. The files are those of the namespace that the thread is in. */
function setSwitches({ bridge, subnets }: BridgeNetworkParams): void {
  const set = (name: string, value: 0 | 1) => writeFileSync(`/proc/sys/net/${name}`, String(value))
  set('ipv4/ip_forward', 1)
  set(`ipv4/conf/${bridge}/route_localnet`, 1)
  if (!subnets.some((subnet) => subnet.includes(':'))) return
  set('ipv6/conf/all/forwarding', 1)
  set(`ipv6/conf/${bridge}/accept_ra`, 0)
}
